"""The stack's states, and the ways out of those in which CloudFormation leaves it."""

import time

from .aws import AwsError, aws
from .console import Refusal, say

GOOD = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
# The stack has never worked, or hardly anything of it is left: it can only be deleted.
DEAD = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED")
# Only a change set that nobody has executed: to CloudFormation there is no stack yet.
EMPTY = "REVIEW_IN_PROGRESS"
# How the template's description begins. Neither a deployment nor a purge may reach a stack of somebody else.
OURS = "Spotter "
PATIENCE = 3600
PAUSES = (1, 2, 4, 8, 10)


class Stack:
    """A stack by its name."""

    def __init__(self, name):
        self.name = name

    def describe(self, identity=None):
        """What CloudFormation says of it; nothing where it is gone."""
        try:
            found = aws("cloudformation", "describe-stacks", "--stack-name", identity or self.name)["Stacks"][0]
        except AwsError as error:
            if error.code == "ValidationError" and "does not exist" in error.message:
                return None
            raise Refusal(f"cannot tell whether there is a stack {self.name}: {error}") from None
        except (KeyError, IndexError):
            return None
        if found["StackStatus"] == "DELETE_COMPLETE":
            return None
        described = found.get("Description")
        if described and not described.startswith(OURS):
            raise Refusal(f"the stack {self.name} is not Spotter's ({described[:100]}); nothing was changed. Choose another STACK=….")
        return found

    def wait(self, identity=None):
        """Until CloudFormation is at rest; what it then says of the stack."""
        start, told, tries = time.monotonic(), None, 0
        while True:
            found = self.describe(identity)
            status = found["StackStatus"] if found else None
            if not found or not status.endswith("_IN_PROGRESS") or status == EMPTY:
                return found
            if status != told:
                say(f"the stack {self.name} is {status}: waiting")
                told = status
            if time.monotonic() - start > PATIENCE:
                raise Refusal(f"the stack {self.name} has been {status} for {PATIENCE // 60} minutes; look at its events, and run this again.")
            time.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
            tries += 1

    def make_ready(self):
        """Brings it into a state that can be deployed to: gives what is there, or nothing for a first deployment."""
        tries = 0
        while True:
            found = self.wait()
            status = found["StackStatus"] if found else None
            if not found or status == EMPTY:
                return None
            if status in GOOD:
                return found
            if tries == 2:
                raise Refusal(f"the stack {self.name} stays {status}:", *self._why_not(found), "Correct that, and run this again.")
            if status in DEAD:
                say(f"the stack {self.name} is {status}, left over by what failed: deleting it")
                self.delete(found)
                continue
            if status == "UPDATE_FAILED":
                say(f"the stack {self.name} is {status}: rolling it back")
                self._tell("rollback-stack", found)
            elif status == "UPDATE_ROLLBACK_FAILED":
                # What fails once more is left as it is: the deployment that follows sets it right.
                skip = self._failed(found) if tries else []
                say(f"the stack {self.name} is {status}: continuing its rollback" + (f", skipping {', '.join(skip)}" if skip else ""))
                self._tell("continue-update-rollback", found, *(["--resources-to-skip", *skip] if skip else []))
            else:
                raise Refusal(f"the stack {self.name} is {status}; look at its events, and bring it into order by hand.")
            tries += 1

    def delete(self, found):
        """Deletes it and waits until it is gone.

        Raises `Undeleted` where CloudFormation could not.
        """
        self._tell("delete-stack", found)
        left = self.wait(found.get("StackId"))
        if left:
            raise Undeleted(self.name, left["StackStatus"], self._why_not(left))

    def _tell(self, operation, found, *options):
        """Begins something with the stack: afterwards its status is another, unless that is over already."""
        try:
            aws("cloudformation", operation, "--stack-name", self.name, *options)
        except AwsError as error:
            raise Refusal(f"the stack {self.name} is {found['StackStatus']}: {error}") from None
        for _ in range(5):
            now = self.describe(found.get("StackId"))
            if not now or now["StackStatus"] != found["StackStatus"]:
                return
            time.sleep(1)

    def _why_not(self, found):
        """A line for each resource that CloudFormation failed at, with its reason."""
        try:
            events = aws("cloudformation", "describe-stack-events", "--stack-name", found.get("StackId", self.name)).get("StackEvents", [])
        except AwsError as error:
            return [f"  ({error})"]
        reasons = {}
        for event in events:
            if event.get("ResourceStatus", "").endswith("_FAILED") and event.get("ResourceStatusReason"):
                reasons.setdefault(event.get("LogicalResourceId", self.name), event["ResourceStatusReason"])
        return [f"  {name}: {reason}" for name, reason in list(reasons.items())[:8]]

    def _failed(self, found):
        return [r["LogicalResourceId"] for r in self.resources(found) if r.get("ResourceStatus") == "UPDATE_FAILED"]

    def resources(self, found):
        """What belongs to it, as far as CloudFormation remembers."""
        try:
            answer = aws("cloudformation", "describe-stack-resources", "--stack-name", found.get("StackId", self.name))
        except AwsError as error:
            raise Refusal(f"cannot tell what belongs to the stack {self.name}: {error}") from None
        return answer.get("StackResources") or []


class Undeleted(Refusal):
    """CloudFormation did not delete everything."""

    def __init__(self, name, status, reasons):
        super().__init__(f"the stack {name} could not be deleted ({status}):", *reasons, "Correct that, and run this again.")


def parameters(found):
    """{name: value} of a stack."""
    return {p["ParameterKey"]: p.get("ParameterValue", "") for p in (found or {}).get("Parameters") or []}


def outputs(found):
    """{name: value} of a stack."""
    return {o["OutputKey"]: o.get("OutputValue", "") for o in (found or {}).get("Outputs") or []}
