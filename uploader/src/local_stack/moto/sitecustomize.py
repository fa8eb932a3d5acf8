"""Python reads this before it runs moto_server. For each message that moto's queue takes in or hands out, it looks at all
its messages several times, and asks a slow clock about each: a thousand photos took it most of a minute. With a moto that
looks different inside, this does nothing."""

import time

try:
    from moto.sqs import models

    if hasattr(models, "unix_time_millis") and hasattr(models.SQSBackend, "is_message_valid_based_on_retention_period"):
        models.unix_time_millis = lambda: time.time() * 1000
        # Nothing here gets as old as the four days after which SQS forgets a message.
        models.SQSBackend.is_message_valid_based_on_retention_period = lambda *_: True
except ImportError:
    pass  # some other Python on the way to moto's
