"""AWS behind the commands `aws`, `sam`, `docker`, `make` and `uploader`, for the tests of infra/deploy and infra/undeploy.

Runs under moto's Python and answers at a socket: each command is a stub (see scripts.py) that sends what it was called
with. Every `aws` call is held against botocore's model of the service, so that an operation or an option which does not
exist fails here as it would there. S3, ECR and whatever else moto has are moto's; stacks, Docker and the smoke test are
played, as far as the scripts can tell. The tests set the scene and read the calls through the same socket.
"""

import json
import os
import socketserver
import sys

import boto3
import botocore.session
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.validate import ParamValidator
from moto import mock_aws

ACCOUNT = "123456789012"
SINGLE = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.oci.image.index.v1+json"
GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")
GLOBALS = {"--output": 1, "--region": 1, "--no-paginate": 0, "--max-items": 1}
# What moto does not know, and an account in which nothing is unusual.
USUAL = {
    "lambda get-account-settings": {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000}},
    "glue get-databases": {"DatabaseList": []},
    "lambda list-functions": {"Functions": []},
    "cloudformation list-exports": {"Exports": []},
}


class Failure(Exception):
    """How a command ends that fails: what it says, and its exit status."""

    def __init__(self, said, code=254):
        super().__init__(said)
        self.said, self.code = said, code


def refused(code, operation, message):
    return Failure(f"\nAn error occurred ({code}) when calling the {operation} operation: {message}", 254)


class World:
    """Everything that the commands can see or change."""

    def __init__(self):
        self.session = botocore.session.get_session()
        self.models, self.clients = {}, {}
        self.reset({})

    def client(self, service, region="us-east-1"):
        """moto's answers; making a client takes longer than asking it."""
        if (service, region) not in self.clients:
            self.clients[service, region] = boto3.client(service, region_name=region)
        return self.clients[service, region]

    def model(self, service, command):
        """The operation that a command of the AWS CLI is, as its service has it."""
        if service not in self.models:
            model = self.session.get_service_model(service)
            self.models[service] = model, {xform_name(name, "-"): name for name in model.operation_names}
        model, names = self.models[service]
        if command not in names:
            raise Failure(f"aws: error: argument operation: Invalid choice: {command}", 252)
        return model.operation_model(names[command])

    def reset(self, scene):
        """A new account; `scene` replaces what is usual."""
        self.calls, self.stacks = [], {}
        self.scene = {
            "arn": f"arn:aws:iam::{ACCOUNT}:user/me", "configured_region": None, "credentials": True, "answers": [],
            "images": {"spotter:latest": {"Id": "sha256:0123456789abcdef0123", "Architecture": "arm64", "Size": 200_000_000}},
            "deployments": [], "rollback_failures": 0, "delete_failure": None, "smoke": [], "denied": [],
        } | scene  # fmt: skip
        self.tags = {}

    # ---- aws

    def aws(self, words, environment):
        if words[:3] == ["configure", "get", "region"]:
            if self.scene["configured_region"]:
                return self.scene["configured_region"] + "\n"
            raise Failure("", 1)
        if words[:2] == ["ecr", "get-login-password"]:
            return "password\n"
        name, command, *options = words
        region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION") or self.scene["configured_region"]
        if not region:
            raise Failure("You must specify a region. You can also configure your region by running \"aws configure\".", 253)
        if not self.scene["credentials"]:
            raise Failure('Unable to locate credentials. You can configure credentials by running "aws configure".', 253)
        model = self.model("s3" if name == "s3api" else name, command)
        operation, given = model.name, arguments(options, model.input_shape)
        for answer in self.scene["answers"]:
            if answer["call"] in " ".join(words) and answer.get("times", 1):
                answer["times"] = answer.get("times", 1_000_000) - 1
                if "said" in answer:
                    raise Failure(answer["said"], 255)
                if "error" in answer:
                    raise refused(answer["error"], operation, answer.get("message", "that is how it is"))
                return json.dumps(answer["answer"])
        return json.dumps(self.answer(name, command, operation, given, region), default=str)

    def answer(self, name, command, operation, given, region):
        if name == "cloudformation" and command != "list-exports":
            return getattr(self, command.replace("-", "_"))(operation, **given)
        if f"{name} {command}" in USUAL:
            return USUAL[f"{name} {command}"]
        if command == "get-caller-identity":
            return {"UserId": "ME", "Account": ACCOUNT, "Arn": self.scene["arn"]}
        if command == "simulate-principal-policy":
            decisions = {action: "implicitDeny" if action in self.scene["denied"] else "allowed" for action in given["ActionNames"]}
            return {"EvaluationResults": [{"EvalActionName": a, "EvalResourceName": "*", "EvalDecision": d} for a, d in decisions.items()]}
        client = self.client("s3", "us-east-1") if name == "s3api" else self.client(name, region)
        try:
            answer = getattr(client, xform_name(operation))(**given)
        except ClientError as error:
            raise Failure(f"\n{error}", 254) from None
        answer.pop("ResponseMetadata", None)
        return answer

    # ---- CloudFormation

    def stack(self, name, status, parameters=(), buckets=(), then=()):
        """Puts a stack there, with the states it goes through afterwards, one with each look."""
        # moto has one S3 for all regions; where a bucket lies is no business of these scripts.
        s3 = self.client("s3")
        for bucket in buckets:
            s3.create_bucket(Bucket=bucket)
        self.stacks[name] = {
            "StackName": name, "StackId": f"arn:aws:cloudformation:eu-central-1:{ACCOUNT}:stack/{name}/{len(self.calls)}",
            "Description": "Spotter finds objects in photos: and so on.", "StackStatus": status, "CreationTime": "2026-11-30T00:00:00Z", "then": list(then), "buckets": list(buckets),
            "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in dict(parameters).items()],
            "failed": [], "Outputs": [{"OutputKey": "FunctionUrl", "OutputValue": "https://abc.lambda-url.eu-central-1.on.aws/"}],
        }  # fmt: skip

    def found(self, operation, name):
        for stack in self.stacks.values():
            if stack["StackId"] == name or (stack["StackName"] == name and stack["StackStatus"] != "DELETE_COMPLETE"):
                return stack
        raise refused("ValidationError", operation, f"Stack with id {name} does not exist")

    def describe_stacks(self, operation, StackName):
        stack = self.found(operation, StackName)
        shown = {key: value for key, value in stack.items() if key[0].isupper()}
        if stack["then"]:
            stack["StackStatus"] = stack["then"].pop(0)
            if stack["StackStatus"] == "DELETING":
                self.remove(stack)
        return {"Stacks": [shown]}

    def remove(self, stack):
        """What CloudFormation does when it deletes: buckets must be empty; those that are gone are no trouble."""
        s3 = self.client("s3")
        stack["failed"] = [("Role", self.scene["delete_failure"])] if self.scene["delete_failure"] else []
        for bucket in list(stack["buckets"]):
            try:
                s3.delete_bucket(Bucket=bucket)
                stack["buckets"].remove(bucket)
            except ClientError as error:
                if error.response["Error"]["Code"] == "NoSuchBucket":
                    stack["buckets"].remove(bucket)
                else:
                    stack["failed"].append(("InputBucket", "The bucket you tried to delete is not empty"))
        stack["StackStatus"] = "DELETE_FAILED" if stack["failed"] else "DELETE_COMPLETE"

    def delete_stack(self, operation, StackName):
        stack = self.found(operation, StackName)
        assert not stack["StackStatus"].endswith("_IN_PROGRESS") or stack["StackStatus"] == "REVIEW_IN_PROGRESS", "deleted while at work"
        stack["StackStatus"], stack["then"] = "DELETE_IN_PROGRESS", ["DELETE_IN_PROGRESS", "DELETING"]
        return {}

    def continue_update_rollback(self, operation, StackName, ResourcesToSkip=()):
        stack = self.found(operation, StackName)
        assert stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED", stack["StackStatus"]
        fails = self.scene["rollback_failures"] > 0 and not ResourcesToSkip
        self.scene["rollback_failures"] -= 1
        stack["StackStatus"] = "UPDATE_ROLLBACK_IN_PROGRESS"
        stack["then"] = ["UPDATE_ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_FAILED" if fails else "UPDATE_ROLLBACK_COMPLETE"]
        return {}

    def rollback_stack(self, operation, StackName):
        stack = self.found(operation, StackName)
        stack["StackStatus"], stack["then"] = "UPDATE_ROLLBACK_IN_PROGRESS", ["UPDATE_ROLLBACK_COMPLETE"]
        return {"StackId": stack["StackId"]}

    def describe_stack_resources(self, operation, StackName):
        stack = self.found(operation, StackName)
        broken = stack["StackStatus"] == "UPDATE_ROLLBACK_FAILED"
        resources = [{"LogicalResourceId": "DetectHttp", "ResourceType": "AWS::Lambda::Function", "PhysicalResourceId": "f", "ResourceStatus": "UPDATE_FAILED" if broken else "CREATE_COMPLETE"}]
        resources += [{"LogicalResourceId": "Bucket", "ResourceType": "AWS::S3::Bucket", "PhysicalResourceId": b, "ResourceStatus": "CREATE_COMPLETE"} for b in stack["buckets"]]
        return {"StackResources": resources}

    def describe_stack_events(self, operation, StackName):
        stack = self.found(operation, StackName)
        return {"StackEvents": [{"LogicalResourceId": n, "ResourceStatus": "DELETE_FAILED", "ResourceStatusReason": why} for n, why in stack["failed"]]}

    # ---- sam

    def sam(self, words, environment):
        option = {word: words[place + 1] for place, word in enumerate(words) if word.startswith("--") and place + 1 < len(words)}
        name, first = option["--stack-name"], False
        status = self.stacks.get(name, {}).get("StackStatus", "DELETE_COMPLETE")
        if status in ("DELETE_COMPLETE", "REVIEW_IN_PROGRESS"):
            first = True
        elif status not in GOOD:
            raise Failure(f"Error: Failed to create changeset for the stack: {name}, Stack is in {status} state and can not be updated", 1)
        given = dict(word.split("=", 1) for word in words[words.index("--parameter-overrides") + 1 :])
        digest = given["ImageUri"].partition("@")[2]
        held = self.client("ecr", environment["AWS_REGION"]).describe_images(repositoryName=name, imageIds=[{"imageDigest": digest}])
        assert held["imageDetails"][0]["imageManifestMediaType"] == SINGLE, "Lambda refuses the image"
        buckets = [f"{name}-{which}-{ACCOUNT}-{environment['AWS_REGION']}" for which in ("input", "results")]
        outcome = self.scene["deployments"].pop(0) if self.scene["deployments"] else "works"
        if outcome == "works":
            if first:
                self.stack(name, "CREATE_COMPLETE", given, buckets)
            else:
                self.stacks[name]["StackStatus"] = "UPDATE_COMPLETE"
            return "deployed\n"
        if first and option.get("--on-failure") != "DELETE":
            self.stack(name, "ROLLBACK_COMPLETE", given)
        elif not first:
            self.stacks[name]["StackStatus"] = "UPDATE_ROLLBACK_COMPLETE"
        raise Failure(f"Error: Failed to create/update the stack: {name}", 1)

    # ---- docker, and the programs that only end

    def docker(self, words, environment):
        if words[:2] == ["image", "inspect"]:
            image = self.scene["images"].get(words[-1])
            if image is None:
                raise Failure(f"Error: No such image: {words[-1]}", 1)
            shown = words[words.index("--format") + 1]
            descriptor = {"Descriptor": {"mediaType": INDEX}} if image.get("index") == "said" else {}
            return json.dumps(image | descriptor) if shown == "{{json .}}" else f"{image[shown.strip('{}.')]}\n"
        if words[0] == "tag":
            self.tags[words[2]] = self.scene["images"][words[1]]
        if words[0] == "push":
            image = self.tags[words[-1]]
            if image.get("index") == "old" and "--platform" in words:
                raise Failure('"--platform" requires API version 1.46, but the Docker daemon API version is 1.43', 1)
            kind = INDEX if image.get("index") == "always" or (image.get("index") and "--platform" not in words) else SINGLE
            uri, _, tag = words[-1].rpartition(":")
            manifest = {"schemaVersion": 2, "mediaType": kind, "of": image["Id"]}
            if kind == SINGLE:
                manifest |= {"config": {"digest": "sha256:" + "a" * 64, "size": 1, "mediaType": "x"}, "layers": []}
            ecr = self.client("ecr", uri.split(".")[3])
            ecr.put_image(repositoryName=uri.partition("/")[2], imageTag=tag, imageManifest=json.dumps(manifest), imageManifestMediaType=kind)
        return ""

    def make(self, words, environment):
        return ""

    def uploader(self, words, environment):
        code, said = self.scene["smoke"].pop(0) if self.scene["smoke"] else (0, "astronaut.png: person 0.93\n")
        if code:
            raise Failure(said, code)
        return said


def arguments(options, shape):
    """The options of an operation as its model has them, checked."""
    members = {f"--{xform_name(name, '-')}": name for name in (shape.members if shape else {})}
    given, options = {}, list(options)
    while options:
        word = options.pop(0)
        values = []
        while options and not options[0].startswith("--"):
            values.append(options.pop(0))
        if word in GLOBALS:
            if len(values) != GLOBALS[word]:
                raise Failure(f"aws: error: argument {word}: expected {GLOBALS[word]} argument(s)", 252)
            continue
        if word not in members:
            raise Failure(f"aws: error: Unknown options: {word}", 252)
        given[members[word]] = value(values, shape.members[members[word]])
    report = ParamValidator().validate(given, shape) if shape else None
    if report and report.has_errors():
        raise Failure(f"Parameter validation failed:\n{report.generate_report()}", 252)
    return given


def value(words, shape):
    if shape.type_name == "boolean":
        return True
    text = words[0]
    if text.startswith("file://"):
        with open(text[7:]) as file:
            text = file.read()
    if shape.type_name in ("integer", "long"):
        return int(text)
    if shape.type_name == "list":
        return json.loads(text) if text.startswith("[") else [value([word], shape.member) for word in words]
    if shape.type_name == "structure":
        if text.startswith("{"):
            return json.loads(text)
        pairs = dict(pair.split("=", 1) for pair in text.split(","))
        return {name: value([pairs[name]], shape.members[name]) for name in pairs}
    return text


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        asked = json.loads(self.rfile.readline())
        world = self.server.world
        if "scene" in asked:
            self.server.renew()
            world.reset(asked["scene"])
            answer = {}
        elif "python" in asked:
            # What a test wants of the world: an expression.
            answer = {"value": eval(asked["python"], {"world": world})}
        else:
            answer = self.command(world, asked)
        self.wfile.write(json.dumps(answer, default=str).encode())

    def command(self, world, asked):
        program, *words = asked["argv"]
        world.calls.append(" ".join([program, *words]))
        try:
            return {"out": getattr(world, program)(words, asked["environment"]), "err": "", "code": 0}
        except Failure as failure:
            return {"out": "", "err": failure.said + "\n", "code": failure.code}
        except Exception as error:
            return {"out": "", "err": f"the emulated AWS failed: {error!r}\n", "code": 99}


class Server(socketserver.UnixStreamServer):
    """One request at a time: the scripts ask several at once, and moto is not made for that."""

    request_queue_size = 64

    def renew(self):
        if getattr(self, "moto", None):
            self.moto.stop()
        self.moto = mock_aws()
        self.moto.start()


if __name__ == "__main__":
    os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test")
    with Server(sys.argv[1], Handler) as server:
        server.world = World()
        print("ready", flush=True)
        server.serve_forever()
