"""The infrastructure, as CloudFormation would build it. test_deploy.py has the scripts around it."""

import re

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
    everything = {
        "CorsOrigins": "https://a.example,https://b.example",
        "ReservedConcurrency": 3,
        "CapBulk": "true",
        "AlarmEmail": "someone@example.com",
        "ExistingBucket": "holiday-photos",
        "InputDays": 30,
        "ResultsDays": 7,
        "Architecture": "arm64",
        "ModelUri": "s3://our-models/v1/best.onnx",
        "ModelSha256": "c0ffee" + "0" * 58,
        "Tracing": "Active",
        "LogLevel": "WARN",
        "Metrics": "false",
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
        assert properties["TracingConfig"] == {"Mode": "PassThrough"}
        assert "ReservedConcurrentExecutions" not in properties


def test_the_environment_is_what_the_functions_read(stack):
    http = stack["DetectHttp"]["Environment"]["Variables"]
    bulk = stack["DetectBulk"]["Environment"]["Variables"]
    settings = (support.ROOT / "functions/wire/src/settings.rs").read_text()
    telemetry = "".join(path.read_text() for path in (support.ROOT / "functions/telemetry/src").iterdir())
    for name in http:
        assert f'"{name}"' in settings + telemetry, f"nothing reads {name}"
    own = {
        "INPUT_URI": "s3://spotter-input-123456789012-eu-central-1/photos/",
        "RESULTS_URI": "s3://ResultsBucket/results/",
        "RESULT_LAYOUT": "",
        "REDACT": "",
        "REDACT_MARGIN": "",
    }
    assert bulk == http | own
    settings += (support.ROOT / "functions/bulk/src/settings.rs").read_text()
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

    assert [days(stack[name]) for name in BUCKETS] == [None, None]
    assert [days(full[name]) for name in BUCKETS] == [30, 7]


def test_a_model_in_s3_goes_before_one_in_the_image(stack, full):
    for function in ("DetectHttp", "DetectBulk"):
        plain, given = stack[function]["Environment"]["Variables"], full[function]["Environment"]["Variables"]
        assert (plain["MODEL"], plain["MODEL_SHA256"]) == ("", "")
        assert given["MODEL"] == "s3://our-models/v1/best.onnx" and given["MODEL_SHA256"].startswith("c0ffee")


@pytest.mark.parametrize(
    ("uri", "objects"),
    [
        ("s3://m/best.onnx", ["m/best.onnx", "m/best.toml"]),
        ("s3://m/a/b c/best.onnx", ["m/a/b c/best.onnx", "m/a/b c/best.toml"]),
        ("s3://m/a/best.prepared.onnx", ["m/a/best.prepared.onnx", "m/a/best.toml"]),
    ],
)
def test_a_model_in_s3_opens_that_object_and_its_card(stack, uri, objects):
    [given] = cloudformation.translated({"ModelUri": uri})
    for role in ("HttpRole", "BulkRole"):
        before, after = allowed(stack, role), allowed(given, role)
        more = [f"{ARNS}{key}" for key in objects]
        assert after == before | {"s3:GetObject": before.get("s3:GetObject", []) + more}


def test_model_parameters_take_what_the_functions_take(stack):
    uri = re.compile(stack.raw["Parameters"]["ModelUri"]["AllowedPattern"])
    digest = re.compile(stack.raw["Parameters"]["ModelSha256"]["AllowedPattern"])
    assert all(uri.match(given) for given in ("", "s3://my-models/best.onnx", "s3://my.models/a/b/best.prepared.onnx"))
    # A wildcard would open more than the object.
    for given in ("best.onnx", "s3://my-models", "s3://my-models/", "s3://my-models/best.pt", "s3://my-models/*.onnx", "s3:///x.onnx"):
        assert not uri.match(given), given
    assert digest.match("") and digest.match("Ab" * 32) and not digest.match("ab" * 31)


def test_strict_levels_do_not_cost_metrics(stack, full):
    """Lambda takes a line of metrics for INFO, and keeps none below its level; what is below LogLevel the functions drop."""
    for function in ("DetectHttp", "DetectBulk"):
        assert stack[function]["LoggingConfig"]["ApplicationLogLevel"] == "INFO"
        assert full[function]["LoggingConfig"]["ApplicationLogLevel"] == "INFO"
        assert full[function]["Environment"]["Variables"]["RUST_LOG"] == "WARN"
        assert stack[function]["Environment"]["Variables"]["METRICS"] == "true"
        assert full[function]["Environment"]["Variables"]["METRICS"] == "false"
    [verbose] = cloudformation.translated({"LogLevel": "DEBUG"})
    assert verbose["DetectHttp"]["LoggingConfig"]["ApplicationLogLevel"] == "DEBUG"


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

    model = [f"{ARNS}our-models/v1/best.onnx", f"{ARNS}our-models/v1/best.toml"]
    assert allowed(stack, "HttpRole") == log("HttpLog.Arn")
    assert allowed(full, "HttpRole") == log("HttpLog.Arn") | trace | {"s3:GetObject": model}
    read = ["InputBucket.Arn/photos/*"]
    bulk = log("BulkLog.Arn") | {
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
    assert allowed(full, "BulkRole") == bulk | trace | {
        "s3:GetObject": [*read, *model, f"{theirs}/*"],
        "s3:GetObjectVersion": [*read, f"{theirs}/*"],
        "s3:ListBucket": ["InputBucket.Arn", theirs],
    }
    assert allowed(full, "BatchOperationsRole") == jobs | {"s3:PutInventoryConfiguration": [theirs]}


def test_alarms_tell_somebody_when_asked_to(stack, full):
    # What they watch and when they go off: test_alarms.py.
    assert set(stack.of_type("AWS::CloudWatch::Alarm")) - set(full.of_type("AWS::CloudWatch::Alarm")) == {"HandedBackAlarm"}
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
