"""The image: what Docker has, and what of it lies in ECR."""

import json
import subprocess

from .aws import AwsError, aws, part
from .console import Refusal, say

ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}
LARGEST = 10 << 30
# A list of manifests, most often one and its attestation. Lambda takes a single manifest only.
INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")
KEPT = 10
LIFECYCLE = {
    "rules": [
        {
            "rulePriority": 1,
            "description": f"Keep the last {KEPT} images.",
            "selection": {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": KEPT},
            "action": {"type": "expire"},
        }
    ]
}


class Image:
    """An image of this machine."""

    def __init__(self, name):
        self.name = name
        self.id = self._about("{{.Id}}")
        self.machine = self._about("{{.Architecture}}")
        if self.machine not in ARCHITECTURES:
            raise Refusal(f"{name} is for {self.machine}; Lambda runs amd64 and arm64: `make image ARCH=x86_64` or ARCH=arm64.")
        size = self._about("{{.Size}}")
        if size.isdigit() and int(size) > LARGEST:
            raise Refusal(f"{name} has {size} bytes; Lambda takes images of {LARGEST} at most.")
        # Only engines that keep what they push know it, Docker 28 and later.
        self.is_index = any(kind in self._about("{{json .}}") for kind in INDEXES)

    def _about(self, what):
        done = _docker("image", "inspect", "--format", what, self.name)
        if done.returncode != 0:
            if "no such image" in done.stderr.lower() or not done.stderr.strip():
                raise Refusal(f"no image {self.name}: `make image` builds spotter:latest; use IMAGE=… for another.")
            raise Refusal(f"docker cannot look at the image {self.name}: {done.stderr.strip()}", "Is its daemon running? `make image` builds one; IMAGE=… names another.")
        return done.stdout.strip()

    @property
    def architecture(self):
        """As Lambda calls it."""
        return ARCHITECTURES[self.machine]

    @property
    def tag(self):
        return self.id.removeprefix("sha256:")[:16]


def repository(stack):
    """The URI of the ECR repository, which is made where it is missing; it keeps the last images."""
    try:
        uri = part(aws("ecr", "describe-repositories", "--repository-names", stack), "repositories", 0, "repositoryUri")
    except AwsError as error:
        if error.code != "RepositoryNotFoundException":
            raise Refusal(f"cannot look for the ECR repository {stack}: {error}") from None
        say(f"creating the ECR repository {stack}")
        try:
            made = aws(
                "ecr", "create-repository", "--repository-name", stack, "--image-tag-mutability", "IMMUTABLE",
                "--image-scanning-configuration", "scanOnPush=true",
            )  # fmt: skip
            uri = part(made, "repository", "repositoryUri")
        except AwsError as error:
            raise Refusal(f"cannot create the ECR repository {stack}: {error}") from None
    _keep_last(stack)
    return uri


def _keep_last(stack):
    try:
        aws("ecr", "get-lifecycle-policy", "--repository-name", stack)
    except AwsError as error:
        # A policy of one's own stays.
        if error.code != "LifecyclePolicyNotFoundException":
            return
        try:
            aws("ecr", "put-lifecycle-policy", "--repository-name", stack, "--lifecycle-policy-text", json.dumps(LIFECYCLE))
        except AwsError as error:
            say(f"note: the repository {stack} will keep every image: {error}")


def push(image, stack, uri):
    """Puts the image into the repository unless it is there; its address by digest, since a tag that moved would not make
    CloudFormation update the functions."""
    to = f"{uri}:{image.tag}"
    held = _held(stack, image.tag)
    if held and held[1] in INDEXES:
        # An earlier deployment's. The tag cannot be moved, only removed.
        _remove(stack, image.tag)
        held = None
    if not held:
        _log_in(uri)
        say(f"pushing {image.name} to {to}")
        _must("tag", image.name, to)
        # Of an index only the image for this platform, as a single manifest.
        alone = ("--platform", f"linux/{image.machine}")
        _must("push", *(alone if image.is_index else ()), to)
        held = _held(stack, image.tag)
        if held and held[1] in INDEXES and not image.is_index:
            # Engines before Docker 28 do not say what they keep.
            say("the engine pushed an index, which Lambda refuses: pushing the image for its platform only")
            _remove(stack, image.tag)
            held = _held(stack, image.tag) if _shown("push", *alone, to) == 0 else (None, INDEXES[0])
    if not held:
        raise Refusal(f"ECR does not hold {to} after the push.")
    digest, kind = held
    if kind in INDEXES:
        if digest:
            _remove(stack, image.tag)
        raise Refusal(
            f"{image.name} is pushed as an index of several manifests ({kind}), which Lambda refuses.",
            "Build it as a single manifest: `make image`, or docker build --provenance=false --sbom=false; or use Docker 28 or later.",
        )
    return f"{uri}@{digest}"


def _held(stack, tag):
    """(digest, media type) of what ECR holds under a tag."""
    try:
        found = part(aws("ecr", "describe-images", "--repository-name", stack, "--image-ids", f"imageTag={tag}"), "imageDetails", 0)
    except AwsError as error:
        if error.code == "ImageNotFoundException":
            return None
        raise Refusal(f"cannot look into the ECR repository {stack}: {error}") from None
    return part(found, "imageDigest"), found.get("imageManifestMediaType", "")


def _remove(stack, tag):
    try:
        aws("ecr", "batch-delete-image", "--repository-name", stack, "--image-ids", f"imageTag={tag}")
    except AwsError as error:
        raise Refusal(f"ECR holds an index under {tag}, which Lambda refuses, and it cannot be removed: {error}") from None


def _log_in(uri):
    registry = uri.partition("/")[0]
    password = subprocess.run(["aws", "ecr", "get-login-password"], capture_output=True, text=True)
    if password.returncode != 0:
        raise Refusal(f"no password for {registry}: {password.stderr.strip()}")
    done = _docker("login", "--username", "AWS", "--password-stdin", registry, given=password.stdout)
    if done.returncode != 0:
        raise Refusal(f"docker login {registry}: {done.stderr.strip()}")


def _docker(*words, given=None):
    return subprocess.run(["docker", *words], input=given or "", capture_output=True, text=True)


def _must(*words):
    status = _shown(*words)
    if status != 0:
        raise Refusal(f"docker {' '.join(words)} failed (exit {status}).")


def _shown(*words):
    # What Docker prints is for people, and no output of ours.
    return subprocess.run(["docker", *words], stdin=subprocess.DEVNULL, stdout=2).returncode
