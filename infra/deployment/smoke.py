"""Whether the new function answers photos."""

import re
import subprocess
import sys
import time

from .console import say

# A new URL, or one whose permissions have changed, refuses everybody for some seconds.
PATIENCE = 90
PAUSE = 3


def test(uploader, photos, url):
    """Sends photos; the uploader's exit status."""
    start = time.monotonic()
    told = False
    while True:
        done = subprocess.run([uploader, "detect", photos, "--url", url], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        refused = done.returncode != 0 and re.search(r"\b403 Forbidden\b|\bhttp_403\b", done.stdout + done.stderr)
        if not refused or time.monotonic() - start > PATIENCE:
            break
        if not told:
            say("the URL answers 403, as new ones do at first: trying again")
            told = True
        time.sleep(PAUSE)
    sys.stdout.write(done.stdout)
    sys.stderr.write(done.stderr)
    if done.returncode != 0:
        say("the stack is deployed, but the smoke test failed")
        if refused:
            say("403: the caller needs lambda:InvokeFunctionUrl and lambda:InvokeFunction; new rights take a minute")
    return done.returncode
