"""The account's limits, against what the stack wants of them."""

from .aws import AwsError, aws, part

# What Lambda always leaves to functions that reserve nothing; all of it where the account has less.
UNRESERVED = 100
# The account's usual limit. New ones begin with 10 and less memory; no API tells that bound.
USUAL_CONCURRENCY = 1000
NEW_ACCOUNTS_MEMORY = 3008
QUOTA = "Request a higher limit: `aws service-quotas request-service-quota-increase --service-code lambda --quota-code L-B99A9384 --desired-value 1000`"
FUNCTIONS = ("detect-http", "detect-bulk")


def check(stack, values, before, findings):
    """`values` are the parameters as they will be, `before` those of the stack that is there, if any."""
    try:
        limits = part(aws("lambda", "get-account-settings"), "AccountLimit")
        total, free = (int(part(limits, name)) for name in ("ConcurrentExecutions", "UnreservedConcurrentExecutions"))
    except AwsError as error:
        findings.notice(f"the account's Lambda limits were not checked: {error}")
        return
    memory, most = int(values["MemorySize"]), int(values["BulkMaxConcurrency"])
    reserved = {"detect-http": int(values["ReservedConcurrency"]), "detect-bulk": most if values["CapBulk"] == "true" else 0}
    if memory > NEW_ACCOUNTS_MEMORY and total < USUAL_CONCURRENCY and int(before.get("MemorySize", 0)) <= NEW_ACCOUNTS_MEMORY:
        findings.doubt(
            f"MemorySize={memory}: this account has {total} concurrent executions, as new ones have, and those get at most {NEW_ACCOUNTS_MEMORY} MB per function.",
            f"Use MemorySize={NEW_ACCOUNTS_MEMORY} or less, or ask AWS Support for more.",
        )
    wanted = sum(reserved.values())
    if wanted:
        _check_reservation(wanted, reserved, total, free + (_held(stack) if before else 0), findings)
    if values["AuthType"] == "NONE" and not reserved["detect-http"]:
        _check_open_url(total, findings)
    if most >= total and not reserved["detect-bulk"]:
        findings.notice(
            f"BulkMaxConcurrency={most}, and the account has {total} concurrent executions in all: a full queue leaves "
            f"detect-http none (429). {f'BulkMaxConcurrency={max(2, total // 2)} leaves it half.'}"
        )


def _check_reservation(wanted, reserved, total, free, findings):
    minimum = min(UNRESERVED, total)
    room = max(0, free - minimum)
    if wanted <= room:
        return
    names = [f"ReservedConcurrency={reserved['detect-http']}"] if reserved["detect-http"] else []
    names += [f"CapBulk=true with BulkMaxConcurrency={reserved['detect-bulk']}"] if reserved["detect-bulk"] else []
    do = f"Reserve at most {room} in all." if room else "Reserve nothing: ReservedConcurrency=0 CapBulk=false."
    findings.refuse(
        f"{' and '.join(names)}: {'these reserve' if len(names) > 1 else 'this reserves'} {wanted} of the account's {total} concurrent "
        f"executions; {free} are unreserved, and Lambda keeps {minimum} of them so.",
        f"{do} {QUOTA}",
    )


def _check_open_url(total, findings):
    if total <= UNRESERVED:
        # Nothing can be reserved there, and the account's own limit is a cap.
        findings.notice(f"AuthType=NONE: anybody can call the URL at your cost, with up to all {total} concurrent executions of the account.")
        return
    findings.doubt(
        f"AuthType=NONE without ReservedConcurrency: anybody can call the URL at your cost, with up to {total} copies of the function at once.",
        "Add ReservedConcurrency=2 (at most 20 requests a second), or use AuthType=AWS_IAM.",
    )


def _held(stack):
    """What the stack's own functions reserve already."""
    held = 0
    for function in FUNCTIONS:
        try:
            held += int(aws("lambda", "get-function-concurrency", "--function-name", f"{stack}-{function}").get("ReservedConcurrentExecutions", 0))
        except AwsError:
            continue
    return held
