"""infra/deploy: what it looks at before anything is made, and how the image gets there. test_undeploy.py has what fails."""

import json
import os
import subprocess
import sys

import cloudformation
import pytest
import support
from scripts import BUCKETS, refused


# ---- before anything is made


def test_a_first_deployment(place):
    assert place.run("deploy", PARAMETERS="MemorySize=3538 Model='my model'") == 0, place.said
    order = [next(i for i, call in enumerate(place.calls) if call.startswith(start)) for start in (
        "aws lambda get-account-settings", "make", "aws ecr create-repository", "aws ecr put-lifecycle-policy", "docker push", "sam deploy", "uploader detect",
    )]  # fmt: skip
    assert order == sorted(order), place.calls
    sam = next(call for call in place.calls if call.startswith("sam deploy"))
    assert "--on-failure DELETE" in sam
    parameters = sam.split("--parameter-overrides ")[1]
    assert parameters.startswith("ImageUri=123456789012.dkr.ecr.eu-central-1.amazonaws.com/spotter@sha256:"), parameters
    assert parameters.endswith(' Architecture=arm64 MemorySize=3538 Model="my model"'), parameters
    assert "uploader detect .tools/samples --url https://abc.lambda-url.eu-central-1.on.aws/" in place.calls
    assert "FunctionUrl             https://abc.lambda-url.eu-central-1.on.aws/" in place.printed
    # Again: an update, of the image that is there.
    assert place.run("deploy") == 0, place.said
    assert sum(call.startswith("docker push") for call in place.calls) == 1
    assert "--on-failure" not in [call for call in place.calls if call.startswith("sam deploy")][1]
    assert place.status() == "UPDATE_COMPLETE"


def test_what_is_missing_on_the_machine(place):
    (place.bin / "aws").unlink()
    (place.bin / "sam").unlink()
    refused(place, "deploy", "- aws", "- sam", PATH=str(place.bin))
    assert "- docker" not in place.said


@pytest.mark.parametrize("script", ["deploy", "undeploy"])
def test_no_region_is_no_lack_of_credentials(place, script):
    refused(place, script, "no AWS region", "AWS_REGION", AWS_REGION=None)
    assert "credential" not in place.said
    refused(place, script, "eu-central", AWS_REGION="eu-central")
    place.scene(configured_region="eu-west-1")
    place.run(script, AWS_REGION=None)
    assert "eu-west-1 of account 123456789012" in place.said, place.said


@pytest.mark.parametrize("script", ["deploy", "undeploy"])
@pytest.mark.parametrize(
    "answer, word",
    [
        ({"said": "Unable to locate credentials. You can configure credentials by running \"aws configure\"."}, "has no credentials: run aws configure"),
        ({"error": "ExpiredToken", "message": "The security token included in the request is expired"}, "have expired"),
        ({"error": "InvalidClientTokenId", "message": "The security token included in the request is invalid."}, "enable eu-central-1"),
        ({"said": 'Could not connect to the endpoint URL: "https://sts.eu-central-1.amazonaws.com/"'}, "cannot be reached in eu-central-1"),
    ],
)
def test_why_aws_does_not_know_us(place, script, answer, word):
    place.scene(answers=[{"call": "sts get-caller-identity"} | answer])
    refused(place, script, word)


@pytest.mark.parametrize("name", ["a", "x-", "my--stack", "-x", "Spotter", "9lives", "with_underscore", "x" * 25, "sthree-photos", "sthree", "ümlaut"])
def test_stack_names_that_would_fail_later(place, name):
    refused(place, "deploy", f"STACK={name}: must be", STACK=name)
    assert place.calls == []


@pytest.mark.parametrize("name", ["ab", "x" * 24, "my-stack-2"])
def test_stack_names_that_work(place, name):
    assert place.run("deploy", STACK=name) == 0, place.said


@pytest.mark.parametrize(
    "parameters, words",
    [
        ("memorysize=1024", ["memorysize", "did you mean MemorySize?"]),
        ("ReservedConcurency=2 AuthType=NONE", ["ReservedConcurency", "did you mean ReservedConcurrency?"]),
        ("Colour=red", ["Colour", "AlarmEmail"]),
        ("MemorySize=100", ["MemorySize=100: must be 256 to 10240."]),
        ("MemorySize=lots", ["MemorySize=lots: must be a number."]),
        ("AuthType=none", ["AuthType=none: must be one of AWS_IAM, NONE."]),
        ("Confidence=1.5", ["Confidence=1.5: must match"]),
        ("Model", ["Model: expected Name=value"]),
        ("MemorySize=512 MemorySize=1024", ["given twice"]),
        ("ImageUri=x", ["IMAGE="]),
        ("Model='open", ["No closing quotation"]),
        ("Model=a\\\\b", ["backslashes"]),
        ("colour=red memorySize=1", ["colour", "memorySize"]),
    ],
)
def test_parameters_are_held_against_the_template(place, parameters, words):
    refused(place, "deploy", *words, PARAMETERS=parameters)
    assert place.calls == []


def test_a_parameter_can_be_cleared(place):
    assert place.run("deploy", PARAMETERS="AlarmEmail=me@example.com") == 0, place.said
    assert place.run("deploy", PARAMETERS="AlarmEmail= MemorySize=") == 0, place.said
    assert [call for call in place.calls if call.startswith("sam deploy")][1].endswith(' AlarmEmail="" MemorySize=1769')


NEW = {"AccountLimit": {"ConcurrentExecutions": 10, "UnreservedConcurrentExecutions": 10}}
GROWN = {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 120}}


@pytest.mark.parametrize(
    "limits, parameters, words",
    [
        (NEW, "MemorySize=3538", ["MemorySize=3538", "3008", "FORCE=yes"]),
        (NEW, "ReservedConcurrency=1", ["ReservedConcurrency=1", "Reserve nothing", "request-service-quota-increase"]),
        (NEW, "CapBulk=true BulkMaxConcurrency=2", ["CapBulk=true", "Reserve nothing"]),
        (GROWN, "ReservedConcurrency=21", ["ReservedConcurrency=21", "120 are unreserved", "keeps 100", "at most 20"]),
        (GROWN, "ReservedConcurrency=11 CapBulk=true", ["reserve 21", "at most 20"]),
        (GROWN, "AuthType=NONE", ["AuthType=NONE", "at your cost", "ReservedConcurrency=", "FORCE=yes"]),
    ],
)
def test_what_the_account_has_not(place, limits, parameters, words):
    place.scene(answers=[{"call": "lambda get-account-settings", "answer": limits}])
    refused(place, "deploy", "nothing was made", *words, PARAMETERS=parameters)


@pytest.mark.parametrize(
    "limits, parameters, note",
    [
        (NEW, "", "BulkMaxConcurrency=10"),
        (NEW, "AuthType=NONE BulkMaxConcurrency=5", "AuthType=NONE: anybody"),
        (GROWN, "ReservedConcurrency=20", ""),
        (GROWN, "AuthType=NONE ReservedConcurrency=2", ""),
        (NEW, "MemorySize=3008 BulkMaxConcurrency=5", ""),
    ],
)
def test_what_the_account_has(place, limits, parameters, note):
    place.scene(answers=[{"call": "lambda get-account-settings", "answer": limits}])
    assert place.run("deploy", PARAMETERS=parameters) == 0, place.said
    assert ("note: " in place.said) == bool(note) and note in place.said, place.said


def test_what_the_stack_reserves_already_is_its_own(place):
    held = {"call": "lambda get-function-concurrency --function-name spotter-detect-http", "answer": {"ReservedConcurrentExecutions": 20}}
    full = {"AccountLimit": {"ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 100}}
    place.scene(answers=[{"call": "lambda get-account-settings", "answer": full}, held])
    place.world("world.stack('spotter', 'CREATE_COMPLETE', {'ReservedConcurrency': '20', 'InputDays': '0'})")
    assert place.run("deploy") == 0, place.said
    assert place.run("deploy", PARAMETERS="ReservedConcurrency=21") == 2


def test_doubts_can_be_overruled(place):
    assert place.run("deploy", PARAMETERS="AuthType=NONE", FORCE="yes") == 0, place.said
    assert "FORCE=yes, in spite of: AuthType=NONE" in place.said


def test_a_region_without_a_service(place):
    missing = 'Could not connect to the endpoint URL: "https://sqs.xx-west-1.amazonaws.com/"'
    place.scene(answers=[{"call": "sqs list-queues", "said": missing}])
    refused(place, "deploy", "SQS does not answer in eu-central-1", "choose a region")
    place.scene()
    refused(place, "deploy", "no Function URLs in eu-south-2", AWS_REGION="eu-south-2")


def test_missing_permissions(place):
    place.scene(denied=["iam:CreateRole", "s3:CreateBucket"])
    refused(place, "deploy", "may not do", "iam:CreateRole, s3:CreateBucket", "Ask whoever administers")
    place.scene(answers=[{"call": "ecr describe-repositories", "error": "AccessDeniedException", "message": "no identity-based policy allows it"}])
    refused(place, "deploy", "may not look for the image repository", "Ask whoever administers")
    # Nobody who may not ask is held up.
    place.scene(answers=[{"call": call, "error": "AccessDenied"} for call in ("iam simulate-principal-policy", "sqs list-queues", "lambda get-account-settings")])
    assert place.run("deploy") == 0, place.said
    for note in ("your rights were not checked", "has SQS was not checked", "Lambda limits were not checked"):
        assert note in place.said, place.said


def test_the_permissions_of_a_session_are_its_roles(place):
    arn = "arn:aws:sts::123456789012:assumed-role/Deployer/me"
    role = {"Role": {"Arn": "arn:aws:iam::123456789012:role/people/Deployer"}}
    place.scene(arn=arn, answers=[{"call": "iam get-role --role-name Deployer", "answer": role}])
    assert place.run("deploy") == 0, place.said
    assert any("--policy-source-arn arn:aws:iam::123456789012:role/people/Deployer" in call for call in place.calls)


def test_a_bucket_that_is_in_the_way(place):
    place.world(f"world.client('s3').create_bucket(Bucket={BUCKETS[0]!r}) and None")
    refused(place, "deploy", f"the bucket {BUCKETS[0]} exists", "choose another STACK")


def test_photos_are_kept_unless_asked(place):
    assert cloudformation_parameter("InputDays")["Default"] == "0"
    place.world("world.stack('spotter', 'CREATE_COMPLETE', {'InputDays': '30'})")
    assert place.run("deploy") == 0
    assert "InputDays=30 from last time" in place.said and "InputDays=0 keeps them" in place.said


# ---- the image


def test_how_to_get_an_image(place):
    refused(place, "deploy", "no image spotter:mine", "make image", IMAGE="spotter:mine")


@pytest.mark.parametrize("index", ["said", "unsaid"])
def test_an_index_is_pushed_as_one_manifest(place, index):
    image = {"Id": "sha256:0123456789abcdef0123", "Architecture": "amd64", "Size": 1, "index": index}
    place.scene(images={"spotter:latest": image})
    assert place.run("deploy") == 0, place.said
    pushes = [call for call in place.calls if call.startswith("docker push")]
    assert pushes[-1].startswith("docker push --platform linux/amd64 ") and len(pushes) == (1 if index == "said" else 2)


@pytest.mark.parametrize("index", ["always", "old"])
def test_an_engine_that_pushes_nothing_else_is_told(place, index):
    image = {"Id": "sha256:0123456789abcdef0123", "Architecture": "amd64", "Size": 1, "index": index}
    place.scene(images={"spotter:latest": image})
    for _ in range(2):  # nor does what was pushed stand in the way of the next try
        assert place.run("deploy") == 2
        assert "which Lambda refuses" in place.said and "--provenance=false" in place.said, place.said
    assert not any(call.startswith("sam") for call in place.calls)
    place.world("world.scene['images']['spotter:latest'].pop('index') and None")
    assert place.run("deploy") == 0, place.said


def test_an_image_for_another_machine(place):
    place.scene(images={"spotter:latest": {"Id": "sha256:0", "Architecture": "riscv64", "Size": 1}})
    refused(place, "deploy", "riscv64", "make image ARCH=")


def test_a_lifecycle_policy_of_ones_own_stays(place):
    assert place.run("deploy") == 0
    policy = json.loads(place.world("world.client('ecr', 'eu-central-1').get_lifecycle_policy(repositoryName='spotter')['lifecyclePolicyText']"))
    assert policy["rules"][0]["selection"] == {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 10}
    assert place.run("deploy") == 0
    assert sum("put-lifecycle-policy" in call for call in place.calls) == 1


# ---- what the scripts know of the template, against others who read it


def cloudformation_parameter(name):
    return reading()[name]


def reading():
    """The template's parameters as infra/deploy reads them."""
    code = "import json, sys; sys.path.insert(0, 'infra'); from deployment import template; print(json.dumps([template.parameters(), sorted(template.resource_types())]))"
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=support.ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)[0]


def with_sam(code, given=""):
    cloudformation.require_sam()
    environment = os.environ | {"SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(support.ROOT / "target" / "sam")}
    done = subprocess.run([cloudformation.SAM_PYTHON, "-c", code], input=given, env=environment, cwd=support.ROOT, check=True, capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout)


def test_the_parameters_are_read_as_yaml_reads_them():
    def text(value):
        return [text(item) for item in value] if isinstance(value, list) else str(value)

    theirs = with_sam("import json; from samcli.yamlhelper import yaml_parse; print(json.dumps(yaml_parse(open('infra/template.yaml').read())['Parameters']))")
    assert reading() == {name: {key: text(value) for key, value in body.items()} for name, body in theirs.items()}


def test_sam_reads_values_as_they_were_meant():
    values = {"Model": "my model", "AlarmEmail": "", "CorsOrigins": "https://a.example,https://b.example", "InputPrefix": "it's \"quoted\" = here/"}
    code = "import json, sys; sys.path.insert(0, 'infra'); from deployment.parameters import word_for_sam; print(json.dumps([word_for_sam(*i) for i in json.load(sys.stdin).items()]))"
    done = subprocess.run([sys.executable, "-B", "-c", code], input=json.dumps(values), cwd=support.ROOT, check=True, capture_output=True, text=True)
    theirs = with_sam("import json, sys; from samcli.cli.types import CfnParameterOverridesType as T; print(json.dumps(T().convert(tuple(json.load(sys.stdin)), None, None)))", done.stdout)
    assert theirs == values


def test_every_kind_of_resource_is_known_to_the_check_of_permissions():
    code = "import json, sys; sys.path.insert(0, 'infra'); from deployment import permissions, services; print(json.dumps([list(permissions.NEEDS), list(services.QUESTIONS)]))"
    done = subprocess.run([sys.executable, "-B", "-c", code], cwd=support.ROOT, check=True, capture_output=True, text=True)
    needs, questions = json.loads(done.stdout)
    [stack] = cloudformation.translated({})
    types = {body["Type"] for body in stack.raw["Resources"].values()}
    # Made with what they belong to, or only where a parameter asks for them.
    besides = {"AWS::Lambda::Function", "AWS::Lambda::Url", "AWS::Lambda::EventSourceMapping", "AWS::Lambda::Permission", "AWS::SQS::QueuePolicy", "AWS::SNS::Topic"}
    assert types <= set(needs) | besides, types - set(needs) - besides
    assert {kind.split("::")[1] for kind in types} <= set(questions) | {"IAM", "S3"}
