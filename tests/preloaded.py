"""moto's server with objects that were there before it was asked anything: 20 000 PUTs would take a minute.

    PYTHON-OF-MOTO tests/preloaded.py OBJECTS -H 127.0.0.1 -p PORT

OBJECTS             a JSON file: {bucket: {key: body}}
"""

import json
import sys

import moto.core
import moto.s3.models
import moto.server


def preload(path):
    backend = moto.s3.models.s3_backends[moto.core.DEFAULT_ACCOUNT_ID]["aws"]
    with open(path, encoding="utf-8") as file:
        buckets = json.load(file)
    for bucket, objects in buckets.items():
        backend.create_bucket(bucket, "us-east-1")
        for key, body in objects.items():
            backend.put_object(bucket, key, body.encode())


if __name__ == "__main__":
    preload(sys.argv[1])
    moto.server.main(sys.argv[2:])
