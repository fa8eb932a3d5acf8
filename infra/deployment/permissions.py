"""Whether whoever deploys may do what a deployment does, as IAM's policy simulator has it."""

import concurrent.futures

from .aws import AwsError, aws, part

# For each type of resource: what it is called in policies, and what making, changing and removing it takes. {stack},
# {region}, {account} and {partition} are filled in. The empty type is what every deployment does.
NEEDS = {
    "": [
        ("arn:{partition}:cloudformation:{region}:{account}:stack/{stack}/*",
         "cloudformation:CreateChangeSet cloudformation:ExecuteChangeSet cloudformation:DescribeStacks cloudformation:DeleteStack"),
        ("arn:{partition}:ecr:{region}:{account}:repository/{stack}",
         "ecr:CreateRepository ecr:DescribeImages ecr:BatchCheckLayerAvailability ecr:InitiateLayerUpload ecr:UploadLayerPart "
         "ecr:CompleteLayerUpload ecr:PutImage ecr:GetRepositoryPolicy ecr:SetRepositoryPolicy"),
        ("*", "ecr:GetAuthorizationToken"),
    ],
    "AWS::Athena::NamedQuery": [("arn:{partition}:athena:{region}:{account}:workgroup/{stack}", "athena:CreateNamedQuery")],
    "AWS::Athena::WorkGroup": [("arn:{partition}:athena:{region}:{account}:workgroup/{stack}", "athena:CreateWorkGroup")],
    "AWS::CloudWatch::Alarm": [("arn:{partition}:cloudwatch:{region}:{account}:alarm:{stack}-alarm", "cloudwatch:PutMetricAlarm")],
    "AWS::CloudWatch::Dashboard": [("arn:{partition}:cloudwatch::{account}:dashboard/{stack}", "cloudwatch:PutDashboard")],
    "AWS::Glue::Database": [("arn:{partition}:glue:{region}:{account}:catalog", "glue:CreateDatabase")],
    "AWS::Glue::Table": [("arn:{partition}:glue:{region}:{account}:catalog", "glue:CreateTable")],
    "AWS::IAM::Role": [
        ("arn:{partition}:iam::{account}:role/{stack}-role",
         "iam:CreateRole iam:GetRole iam:PutRolePolicy iam:PassRole iam:DeleteRolePolicy iam:DeleteRole"),
    ],
    "AWS::Logs::LogGroup": [
        ("arn:{partition}:logs:{region}:{account}:log-group:/aws/lambda/{stack}-detect-http", "logs:CreateLogGroup logs:PutRetentionPolicy"),
    ],
    "AWS::S3::Bucket": [
        ("arn:{partition}:s3:::{stack}-input-{account}-{region}",
         "s3:CreateBucket s3:PutEncryptionConfiguration s3:PutBucketPublicAccessBlock s3:PutBucketOwnershipControls "
         "s3:PutLifecycleConfiguration s3:PutBucketNotification s3:DeleteBucket"),
    ],
    "AWS::S3::BucketPolicy": [("arn:{partition}:s3:::{stack}-input-{account}-{region}", "s3:PutBucketPolicy")],
    "AWS::SQS::Queue": [("arn:{partition}:sqs:{region}:{account}:{stack}-photos", "sqs:CreateQueue sqs:SetQueueAttributes sqs:DeleteQueue")],
    "AWS::Serverless::Function": [
        ("arn:{partition}:lambda:{region}:{account}:function:{stack}-detect-http",
         "lambda:CreateFunction lambda:UpdateFunctionCode lambda:UpdateFunctionConfiguration lambda:GetFunction lambda:DeleteFunction "
         "lambda:CreateFunctionUrlConfig"),
        ("*", "lambda:CreateEventSourceMapping"),
        ("arn:{partition}:cloudformation:{region}:aws:transform/Serverless-2016-10-31", "cloudformation:CreateChangeSet"),
    ],
}  # fmt: skip


def check(account, stack, types, findings):
    """Simulates; what cannot be simulated is said, and no reason to stop."""
    try:
        who = principal(account)
    except AwsError as error:
        who = None
        findings.notice(f"your rights were not checked: {error}")
    if who is None:
        return
    names = {"partition": account.partition, "region": account.region, "account": account.number, "stack": stack}
    questions = [
        (resource.format(**names), actions.split())
        for kind in sorted(NEEDS)
        if not kind or kind in types
        for resource, actions in NEEDS[kind]
    ]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda question: _denied(who, account, *question), questions))
    failures = [answer for answer in answers if isinstance(answer, AwsError)]
    if failures:
        findings.notice(f"your rights were not {'all ' if len(failures) < len(answers) else ''}checked: {failures[0]}")
    denied = sorted({action for answer in answers if not isinstance(answer, AwsError) for action in answer})
    if denied:
        findings.doubt(
            f"{account.arn} may not do what a deployment does: {', '.join(denied)}.",
            "Ask whoever administers the account for these, or use other credentials (AWS_PROFILE=…).",
        )


def principal(account):
    """The ARN whose policies count, or nothing for those that have none: root, federated users."""
    kind = account.arn.split(":", 5)[-1]
    if kind.startswith("assumed-role/"):
        # Its path is not in the session's ARN.
        return part(aws("iam", "get-role", "--role-name", kind.split("/")[1]), "Role", "Arn")
    return account.arn if kind.startswith("user/") and ":iam:" in account.arn else None


def _denied(who, account, resource, actions):
    """The actions that are denied on a resource, or the error where nobody says."""
    try:
        answer = aws(
            "iam", "simulate-principal-policy", "--policy-source-arn", who, "--action-names", *actions, "--resource-arns", resource,
            "--context-entries", f"ContextKeyName=aws:RequestedRegion,ContextKeyValues={account.region},ContextKeyType=string",
        )  # fmt: skip
    except AwsError as error:
        return error
    # A condition on what is only known at the time decides nothing here.
    results = answer.get("EvaluationResults") or []
    return [r["EvalActionName"] for r in results if r.get("EvalDecision") != "allowed" and not r.get("MissingContextValues")]
