"""Stack names: also the start of every name that is made, so that the strictest service counts."""

import re

from .console import Refusal

# ECR wants two letters, no hyphen at the end and none beside another; S3 lower case; Athena and SQS take what is left.
PATTERN = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST = 24
# S3 keeps these for itself, at the start of a bucket's name.
RESERVED = ("sthree", "amzn-s3-demo", "xn")


def check(stack):
    """Raises `Refusal` for a name with which something would fail later."""
    reason = None
    if not PATTERN.fullmatch(stack):
        reason = "lower-case letters and digits, starting with a letter, with single hyphens between them"
    elif not 2 <= len(stack) <= LONGEST:
        reason = f"2 to {LONGEST} characters"
    elif stack in RESERVED or any(stack.startswith(f"{start}-") for start in RESERVED):
        reason = f"no name that S3 keeps for itself ({', '.join(RESERVED)})"
    if reason:
        raise Refusal(f"STACK={stack}: must be {reason}.", "It begins the names of the repository, buckets, queues and functions. Default: STACK=spotter.")


def check_buckets(buckets):
    """Raises `Refusal` where a bucket's name, with account and region, would be too long."""
    for bucket in buckets:
        if len(bucket) > 63:
            raise Refusal(f"the bucket {bucket} would have {len(bucket)} characters, and S3 takes 63: choose a STACK that is {len(bucket) - 63} shorter.")


def buckets(stack, account):
    """As the template names them."""
    return {name: f"{stack}-{name}-{account.number}-{account.region}" for name in ("input", "results")}
