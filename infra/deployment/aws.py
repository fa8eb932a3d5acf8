"""The AWS command: how it is run, and what its errors are called."""

import json
import os
import re
import subprocess

from .console import Refusal, DeploymentError

ERROR = re.compile(r"An error occurred \((?P<code>[^)]+)\) when calling the \w+ operation(?: \([^)]*\))?: (?P<message>.*)", re.DOTALL)
REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+")
NOT_REACHED = ("Could not connect to the endpoint URL", "Could not resolve", "Connect timeout", "Read timeout")
NOT_ALLOWED = ("AccessDenied", "AccessDeniedException", "AccessDeniedError", "UnauthorizedOperation", "AuthorizationError", "403")


class AwsError(DeploymentError):
    """What the AWS command said when it failed; `code` is empty where AWS itself said nothing."""

    def __init__(self, call, said):
        found = ERROR.search(said)
        self.call = call
        self.code = found["code"] if found else ""
        self.message = " ".join((found["message"] if found else said).split())[:500]
        super().__init__(f"{f'aws {call}: ' if call else ''}{self.code + ': ' if self.code else ''}{self.message}")

    def is_refused(self):
        return self.code in NOT_ALLOWED

    def is_unreachable(self):
        return not self.code and any(text in self.message for text in NOT_REACHED)


def aws(service, operation, *options, attempts=None):
    """Runs an operation, with so many attempts where the command's own number is too much; its answer as JSON."""
    done = _run([service, operation, *options, "--output", "json"], attempts)
    if done.returncode != 0:
        raise AwsError(f"{service} {operation}", done.stderr or done.stdout)
    if not done.stdout.strip():
        return {}
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise AwsError(f"{service} {operation}", f"this is no JSON: {done.stdout[:200]}") from None


def part(answer, *path):
    """What lies in an answer at a path of names and places; an `AwsError` where nothing does."""
    found = answer
    for step in path:
        try:
            found = found[step]
        except (KeyError, IndexError, TypeError):
            raise AwsError("", f"AWS answered without {'.'.join(map(str, path))}: {json.dumps(answer)[:200]}") from None
    return found


def _run(words, attempts=None):
    environment = {**os.environ, "AWS_PAGER": ""} | ({"AWS_MAX_ATTEMPTS": str(attempts)} if attempts else {})
    return subprocess.run(["aws", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment)


class Account:
    """The account and the region that everything happens in."""

    def __init__(self, region, number, arn):
        self.region, self.number, self.arn = region, number, arn
        self.partition = arn.split(":")[1] if arn.count(":") > 4 else "aws"

    def __str__(self):
        return f"{self.region} of account {self.number}"

    @classmethod
    def find(cls):
        """As the AWS command finds them; from here on every program uses this region."""
        region = _region()
        os.environ.update(AWS_REGION=region, AWS_DEFAULT_REGION=region, AWS_PAGER="")
        try:
            identity = aws("sts", "get-caller-identity")
        except AwsError as error:
            raise _no_identity(error, region) from None
        return cls(region, part(identity, "Account"), part(identity, "Arn"))


def _region():
    given = next((name for name in ("AWS_REGION", "AWS_DEFAULT_REGION") if os.environ.get(name)), None)
    if given:
        region = os.environ[given]
    else:
        done = _run(["configure", "get", "region"])
        # Unset is exit status 1 and silence; a profile that is not there is another matter.
        if done.returncode != 0 and done.stderr.strip():
            raise Refusal(f"the AWS CLI cannot read its configuration: {done.stderr.strip()}")
        region, given = done.stdout.strip(), "the AWS CLI's configuration"
    if not region:
        raise Refusal("no AWS region: set AWS_REGION (such as AWS_REGION=eu-central-1), or run `aws configure set region eu-central-1`.")
    if not REGION.fullmatch(region):
        raise Refusal(f"{given} names the region {region!r}, which is none; regions look like eu-central-1.")
    return region


def _no_identity(error, region):
    said = f"({error.code + ': ' if error.code else ''}{error.message})"
    if "specify a region" in error.message:
        return Refusal(f"no AWS region: set AWS_REGION. {said}")
    if error.is_unreachable():
        return Refusal(f"AWS cannot be reached in {region}: is that an AWS region, and is there a network? {said}")
    if error.code.startswith("ExpiredToken") or "expired" in error.message.lower():
        return Refusal(f"your AWS credentials have expired: run aws login, aws sso login, or what gave you them. {said}")
    if error.code in ("InvalidClientTokenId", "UnrecognizedClientException"):
        return Refusal(
            f"AWS does not accept your credentials in {region}. {said}",
            f"Check them with `aws sts get-caller-identity --region us-east-1`; if they work there, enable {region} for the account.",
        )
    if not error.code and "credentials" in error.message.lower():
        return Refusal(f"the AWS CLI has no credentials: run aws configure, aws login, or aws sso login. {said}")
    return Refusal(f"AWS does not say who you are. {said}", "Check your credentials with `aws sts get-caller-identity`.")
