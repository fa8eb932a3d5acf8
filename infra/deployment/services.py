"""Whether the region has the services that the template needs, and answers for them."""

import concurrent.futures

from .aws import AwsError, aws

# A question to each service that changes nothing, by the service's name in resource types.
QUESTIONS = {
    "Athena": ("athena", "list-work-groups"),
    "CloudFormation": ("cloudformation", "list-exports"),
    "CloudWatch": ("cloudwatch", "describe-alarms", "--max-records", "1"),
    "ECR": ("ecr", "describe-repositories", "--max-results", "1"),
    "Events": ("events", "list-rules", "--limit", "1"),
    "Glue": ("glue", "get-databases", "--max-results", "1"),
    "Lambda": ("lambda", "list-functions", "--max-items", "1"),
    "Logs": ("logs", "describe-log-groups", "--limit", "1"),
    "SNS": ("sns", "list-topics"),
    "SQS": ("sqs", "list-queues", "--max-results", "1"),
}
# Where version 1 of the AWS CLI looks for SQS; not every region has it.
LEGACY = ".queue.amazonaws.com"
# Where Lambda has no Function URLs, as its developer guide has it (2026-11).
WITHOUT_FUNCTION_URLS = (
    "ap-east-2", "ap-south-2", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-west-1", "eu-central-2",
    "eu-south-2", "il-central-1", "me-central-1",
)  # fmt: skip


def check(account, types, findings):
    """Asks each service that `types` of resources belong to."""
    services = sorted({kind.split("::")[1] for kind in types} & QUESTIONS.keys() | {"CloudFormation", "ECR"})
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        answers = dict(zip(services, pool.map(_ask, services)))
    denied = []
    for service, error in answers.items():
        if error and error.is_unreachable() and LEGACY not in error.message:
            findings.refuse(
                f"{service} does not answer in {account.region}: {error.message}",
                "The stack needs it: choose a region that has it (AWS_REGION=…), or check your network.",
            )
        elif error and error.is_refused() and service == "ECR":
            findings.refuse(f"{account.arn} may not look for the image repository: {error}", "Ask whoever administers the account for the rights to ECR.")
        elif error and error.is_refused():
            # Asking is not what the stack needs.
            denied.append(service)
        elif error:
            findings.notice(f"{service} in {account.region} was not checked: {error}")
    if denied:
        findings.notice(f"whether {account.region} has {', '.join(denied)} was not checked: you may not ask them.")
    if account.region in WITHOUT_FUNCTION_URLS:
        findings.doubt(
            f"Lambda has no Function URLs in {account.region} (as of 2026-11), and detect-http is called by one.",
            "Choose another region: AWS_REGION=….",
        )


def _ask(service):
    try:
        # What is not there is tried for minutes otherwise.
        aws(*QUESTIONS[service], attempts=2)
    except AwsError as error:
        return error
    return None
