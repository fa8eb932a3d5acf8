"""The infrastructure, as CloudFormation would build it, and the scripts around it."""

import shutil
import subprocess

import cloudformation
import pytest
import support
from cloudformation import statements

ARNS = "arn:aws:s3:::"
BUCKETS = ("InputBucket", "ResultsBucket")
ROLES = ("HttpRole", "BulkRole", "BatchOperationsRole")


@pytest.fixture(scope="module")
def stacks():
    """The template with its defaults, open to everybody, and with every option used."""
    if not cloudformation.SAM_PYTHON.exists():
        pytest.skip("SAM is not set up: tools/setup infra")
    everything = {
        "CorsOrigins": "https://a.example,https://b.example",
        "ReservedConcurrency": 3,
        "CapBulk": "true",
        "AlarmEmail": "someone@example.com",
        "ExistingBucket": "holiday-photos",
        "InputDays": 0,
        "ResultsDays": 7,
        "Architecture": "arm64",
    }
    return cloudformation.translated({}, {"AuthType": "NONE"}, everything)


@pytest.fixture(scope="module")
def stack(stacks):
    return stacks[0]


@pytest.fixture(scope="module")
def full(stacks):
    return stacks[2]


def test_one_image_holds_both_functions(stack):
    for function, command in (("DetectHttp", "detect-http"), ("DetectBulk", "detect-bulk")):
        properties = stack[function]
        assert properties["PackageType"] == "Image" and properties["Code"] == {"ImageUri": "image"}
        assert properties["ImageConfig"] == {"Command": [command]}
        assert properties["TracingConfig"] == {"Mode": "Active"}
        assert "ReservedConcurrentExecutions" not in properties


def test_the_environment_is_what_the_functions_read(stack):
    http = stack["DetectHttp"]["Environment"]["Variables"]
    bulk = stack["DetectBulk"]["Environment"]["Variables"]
    settings = (support.ROOT / "functions/wire/src/settings.rs").read_text()
    for name in http.keys() - {"RUST_LOG"}:
        assert f'"{name}"' in settings, f"nothing reads {name}"
    own = {
        "INPUT_URI": "s3://spotter-input-123456789012-eu-central-1/photos/",
        "RESULTS_URI": "s3://ResultsBucket/results/",
        "RESULT_LAYOUT": "",
    }
    assert bulk == http | own
    settings = (support.ROOT / "functions/bulk/src/settings.rs").read_text()
    for name in own:
        assert f'"{name}"' in settings, f"nothing reads {name}"


def test_a_url_is_public_only_when_asked_for(stacks):
    for stack, public in zip(stacks, (False, True, False), strict=True):
        assert stack["DetectHttpUrl"]["AuthType"] == ("NONE" if public else "AWS_IAM")
        permissions = {
            (p["Action"], p["Principal"], p.get("FunctionUrlAuthType"), p.get("InvokedViaFunctionUrl"))
            for p in stack.of_type("AWS::Lambda::Permission").values()
        }
        both = {("lambda:InvokeFunctionUrl", "*", "NONE", None), ("lambda:InvokeFunction", "*", None, True)}
        assert permissions == (both if public else set())


def test_pages_elsewhere_may_call_only_when_named(stack, full):
    assert "Cors" not in stack["DetectHttpUrl"]
    assert full["DetectHttpUrl"]["Cors"]["AllowOrigins"] == ["https://a.example", "https://b.example"]


def test_budgets(full):
    assert full["DetectHttp"]["ReservedConcurrentExecutions"] == 3
    assert full["DetectBulk"]["ReservedConcurrentExecutions"] == 10
    assert full["DetectBulkPhotos"]["ScalingConfig"] == {"MaximumConcurrency": 10}


def test_new_photos_reach_the_queue_and_nothing_else_does(stack):
    assert stack["InputBucket"]["NotificationConfiguration"] == {
        "QueueConfigurations": [
            {
                "Event": "s3:ObjectCreated:*",
                "Queue": "Queue.Arn",
                "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "photos/"}]}},
            }
        ]
    }
    [allowed] = statements(stack["QueuePolicy"])
    assert (allowed["Effect"], allowed["Principal"]) == ("Allow", {"Service": "s3.amazonaws.com"})
    assert (allowed["Action"], allowed["Resource"]) == (["sqs:SendMessage"], ["Queue.Arn"])
    assert allowed["Condition"] == {
        "ArnEquals": {"aws:SourceArn": ARNS + stack["InputBucket"]["BucketName"]},
        "StringEquals": {"aws:SourceAccount": "123456789012"},
    }
    # S3 tries the queue when it takes the notification, so the policy comes first, without referring back.
    assert stack.resources["InputBucket"]["DependsOn"] in ("QueuePolicy", ["QueuePolicy"])
    assert "NotificationConfiguration" not in stack["ResultsBucket"]


def test_the_queue_outlives_a_batch(stack):
    timeouts = stack.raw["Parameters"]["BulkTimeout"]["AllowedValues"]
    window = stack.raw["Parameters"]["BulkBatchWindow"]["MaxValue"]
    visibility = {int(row): columns["Seconds"] for row, columns in stack.raw["Mappings"]["Visibility"].items()}
    assert visibility == {timeout: 6 * timeout + window for timeout in timeouts}
    assert stack["Queue"]["VisibilityTimeout"] == visibility[stack["DetectBulk"]["Timeout"]]


def test_what_fails_is_tried_again_then_kept(stack):
    assert stack["Queue"]["RedrivePolicy"] == {"deadLetterTargetArn": "DeadLetters.Arn", "maxReceiveCount": 5}
    assert stack["DeadLetters"]["MessageRetentionPeriod"] == 14 * 24 * 3600
    mapping = stack["DetectBulkPhotos"]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["EventSourceArn"] == "Queue.Arn"
    assert mapping["BatchSize"] == 100 and mapping["MaximumBatchingWindowInSeconds"] == 5


@pytest.mark.parametrize("name", BUCKETS)
def test_buckets_are_private_and_encrypted(stack, name):
    bucket = stack[name]
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    [rule] = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"

    policy = stack[f"{name}Policy"]
    [tls_only] = statements(policy)
    assert policy["Bucket"] == name
    assert (tls_only["Effect"], tls_only["Principal"], tls_only["Action"]) == ("Deny", "*", ["s3:*"])
    assert tls_only["Resource"] == [f"{name}.Arn", f"{name}.Arn/*"]
    assert tls_only["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_queues_are_encrypted(stack):
    assert all(queue["SqsManagedSseEnabled"] is True for queue in stack.of_type("AWS::SQS::Queue").values())


def test_old_things_go_when_asked_to(stack, full):
    def days(bucket):
        rules = {rule["Id"]: rule for rule in bucket["LifecycleConfiguration"]["Rules"]}
        assert rules["abort-uploads"]["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}
        return rules.get("expire", {}).get("ExpirationInDays")

    assert [days(stack[name]) for name in BUCKETS] == [30, None]
    assert [days(full[name]) for name in BUCKETS] == [None, 7]


def test_logs_are_json_and_end(stack):
    for function, log in (("DetectHttp", "HttpLog"), ("DetectBulk", "BulkLog")):
        assert stack[log]["RetentionInDays"] == 30
        assert stack[log]["LogGroupName"] == f"/aws/lambda/{stack[function]['FunctionName']}"
        assert stack[function]["LoggingConfig"]["LogGroup"] == log
        assert stack[function]["LoggingConfig"]["LogFormat"] == "JSON"


def allowed(stack, role):
    """{action: resources} of a role."""
    found = {}
    for statement in statements(stack[role]):
        assert statement["Effect"] == "Allow"
        for action in statement["Action"]:
            found.setdefault(action, []).extend(statement["Resource"])
    return found


def test_roles_are_ours_and_as_many_as_needed(full):
    assert set(full.of_type("AWS::IAM::Role")) == set(ROLES)
    assert full["DetectHttp"]["Role"] == "HttpRole.Arn" and full["DetectBulk"]["Role"] == "BulkRole.Arn"
    assert not any("ManagedPolicyArns" in full[role] for role in ROLES)
    for role, service in zip(ROLES, ("lambda", "lambda", "batchoperations.s3"), strict=True):
        [trust] = full[role]["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": f"{service}.amazonaws.com"}


@pytest.mark.parametrize("role", ROLES)
def test_roles_have_no_avoidable_wildcard(full, role):
    for action, resources in allowed(full, role).items():
        assert "*" not in action
        for resource in resources:
            # X-Ray knows no resources; objects of a bucket can only be named by prefix.
            if action.startswith("xray:"):
                continue
            objects = action in ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject")
            assert "*" not in resource or (objects and resource.endswith("/*")), f"{action} on {resource}"


def test_each_role_reaches_only_its_own(stack, full):
    trace = {"xray:PutTraceSegments": ["*"], "xray:PutTelemetryRecords": ["*"]}

    def log(group):
        return {"logs:CreateLogStream": [group], "logs:PutLogEvents": [group]}

    assert allowed(stack, "HttpRole") == log("HttpLog.Arn") | trace
    read = ["InputBucket.Arn/photos/*"]
    bulk = log("BulkLog.Arn") | trace | {
        "sqs:ReceiveMessage": ["Queue.Arn"],
        "sqs:DeleteMessage": ["Queue.Arn"],
        "sqs:GetQueueAttributes": ["Queue.Arn"],
        "s3:GetObject": read,
        "s3:GetObjectVersion": read,
        "s3:ListBucket": ["InputBucket.Arn"],
        "s3:PutObject": ["ResultsBucket.Arn/results/*"],
    }
    assert allowed(stack, "BulkRole") == bulk
    batch = ["ResultsBucket.Arn/batch/*"]
    jobs = {"lambda:InvokeFunction": ["DetectBulk.Arn"]} | dict.fromkeys(
        ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"), batch
    )
    assert allowed(stack, "BatchOperationsRole") == jobs

    # An existing bucket opens exactly that bucket, to reading.
    theirs = f"{ARNS}holiday-photos"
    assert allowed(full, "BulkRole") == bulk | {
        "s3:GetObject": [*read, f"{theirs}/*"],
        "s3:GetObjectVersion": [*read, f"{theirs}/*"],
        "s3:ListBucket": ["InputBucket.Arn", theirs],
    }
    assert allowed(full, "BatchOperationsRole") == jobs | {"s3:PutInventoryConfiguration": [theirs]}


def test_alarms_watch_what_goes_wrong(stack, full):
    watched = {
        (alarm["MetricName"], alarm["Dimensions"][0]["Value"])
        for alarm in full.of_type("AWS::CloudWatch::Alarm").values()
    }
    assert watched == {
        ("ApproximateNumberOfMessagesVisible", "DeadLetters.QueueName"),
        ("ApproximateAgeOfOldestMessage", "Queue.QueueName"),
        *((metric, function) for metric in ("Errors", "Throttles") for function in ("DetectHttp", "DetectBulk")),
    }
    for alarms, actions in ((stack, None), (full, ["AlarmTopic"])):
        for alarm in alarms.of_type("AWS::CloudWatch::Alarm").values():
            assert alarm.get("AlarmActions") == actions
    assert "AlarmTopic" not in stack.resources
    assert full["AlarmTopic"]["Subscription"] == [{"Protocol": "email", "Endpoint": "someone@example.com"}]


def test_outputs_are_what_uploader_takes(stack):
    assert stack.outputs == {
        "FunctionUrl": "DetectHttpUrl.FunctionUrl",
        "InputUri": "s3://InputBucket/photos/",
        "ResultsUri": "s3://ResultsBucket/results/",
        "QueueUrl": "Queue",
        "DeadLetterQueueUrl": "DeadLetters",
        "BulkFunctionArn": "DetectBulk.Arn",
        "BatchOperationsRoleArn": "BatchOperationsRole.Arn",
        "TablesUri": "s3://ResultsBucket/tables/",
        "Database": "TablesDatabase",
        "QueryWorkGroup": "WorkGroup",
    }


def test_names_fit(stack):
    names = [stack[bucket]["BucketName"] for bucket in BUCKETS]
    assert names == [f"spotter-{which}-123456789012-eu-central-1" for which in ("input", "results")]
    # infra/deploy takes stack names of up to 24 letters.
    assert len("x" * 24 + "-results-123456789012-ap-southeast-1") <= 63


# ---- the scripts, with stand-ins for the tools that note how they were called

STAND_IN = """#!/bin/bash
echo "${{0##*/}} $*" >>{log}
case "${{0##*/}} $*" in
{answers}
esac
"""
DEPLOY_ANSWERS = """
"docker image inspect --format {{.Id}}"*) echo sha256:0123456789abcdef0123 ;;
"docker image inspect --format {{.Architecture}}"*) echo arm64 ;;
"docker push"*) touch "$PUSHED" ;;
"aws sts"*) echo 123456789012 ;;
"aws ecr describe-repositories"*) exit 254 ;;
"aws ecr create-repository"*) echo 123456789012.dkr.example/spotter ;;
"aws ecr describe-images"*) [ -e "$PUSHED" ] || exit 254; echo sha256:feed ;;
"aws cloudformation describe-stacks"*FunctionUrl*) echo https://url.example/ ;;
"""
UNDEPLOY_ANSWERS = """
"aws cloudformation describe-stack-resources"*InputBucket*) echo the-input ;;
"aws cloudformation describe-stack-resources"*ResultsBucket*) echo the-results ;;
"aws s3api list-objects-v2 --bucket the-input"*) echo 1 ;;
"aws s3api list-objects-v2"*) echo 0 ;;
"""


@pytest.fixture
def script(tmp_path):
    """Runs a copy of a script of infra/ among stand-ins; gives its exit code, its messages, and the calls it made."""

    def run(name, tools, answers="", **environment):
        (tmp_path / "bin").mkdir(exist_ok=True)
        folder = tmp_path / "tree"
        for target in [tmp_path / "bin" / tool for tool in tools] + [folder / "target/release/uploader"]:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(STAND_IN.format(log=tmp_path / "log", answers=answers))
            target.chmod(0o755)
        (folder / "infra").mkdir(exist_ok=True)
        shutil.copy(support.ROOT / "infra" / name, folder / "infra" / name)
        for program in ("bash", "dirname", "cat", "touch"):
            (tmp_path / "bin" / program).symlink_to(shutil.which(program))
        given = {"PATH": str(tmp_path / "bin"), "PUSHED": str(tmp_path / "pushed"), "AWS_REGION": "eu-central-1"}
        done = subprocess.run(
            [shutil.which("bash"), folder / "infra" / name],
            env=given | environment,
            capture_output=True,
            text=True,
            timeout=30,
        )
        log = tmp_path / "log"
        return done.returncode, done.stderr, log.read_text().splitlines() if log.exists() else []

    return run


def position(calls, start):
    """Where the one call that starts like this stands."""
    [found] = [index for index, call in enumerate(calls) if call.startswith(start)]
    return found


def test_deploy_says_what_is_missing(script):
    code, said, calls = script("deploy", ["docker"], IMAGE="spotter:latest")
    assert code == 2 and calls == []
    assert "aws" in said and "sam" in said and "- docker" not in said


def test_deploy_says_how_to_get_an_image(script):
    code, said, calls = script("deploy", ["aws", "docker", "sam", "make"], '"docker image inspect"*) exit 1 ;;')
    assert code == 2 and calls == ["docker image inspect --format {{.Id}} spotter:latest"]
    assert "make image" in said and "IMAGE=" in said


def test_deploy_refuses_names_that_buckets_cannot_have(script):
    code, said, calls = script("deploy", ["aws", "docker", "sam", "make"], IMAGE="spotter:latest", STACK="Spotter")
    assert code == 2 and calls == [] and "STACK=Spotter" in said


def test_deploy_pushes_builds_and_tries(script):
    code, said, calls = script(
        "deploy",
        ["aws", "docker", "sam", "make"],
        DEPLOY_ANSWERS,
        IMAGE="spotter:latest",
        PARAMETERS="MemorySize=3538 AuthType=NONE",
    )
    assert code == 0, said
    order = [
        position(calls, start)
        for start in ("make", "aws ecr create-repository", "docker push", "sam deploy", "uploader detect")
    ]
    assert order == sorted(order)
    assert calls[order[2]] == "docker push 123456789012.dkr.example/spotter:0123456789abcdef"
    parameters = calls[order[3]].split("--parameter-overrides ")[1].split()
    assert parameters == [
        "ImageUri=123456789012.dkr.example/spotter@sha256:feed",
        "Architecture=arm64",
        "MemorySize=3538",
        "AuthType=NONE",
    ]
    assert calls[order[4]] == "uploader detect .tools/samples --url https://url.example/"


def test_undeploy_keeps_photos_unless_told(script):
    code, said, calls = script("undeploy", ["aws"], UNDEPLOY_ANSWERS)
    assert code == 2 and "s3://the-input" in said and "PURGE=yes" in said
    assert not any("delete" in call for call in calls)


def test_undeploy_purges_when_told(script):
    code, said, calls = script("undeploy", ["aws"], UNDEPLOY_ANSWERS, PURGE="yes")
    assert code == 0, said
    order = [
        position(calls, start)
        for start in (
            "aws s3 rm --recursive --quiet s3://the-input",
            "aws cloudformation delete-stack --stack-name spotter",
            "aws ecr delete-repository --repository-name spotter",
        )
    ]
    assert order == sorted(order)
