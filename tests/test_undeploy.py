"""infra/deploy and infra/undeploy where something has failed, is gone, or holds photos."""

import cloudformation
import pytest
from scripts import BUCKETS, refused


# ---- deployments that fail, and what is left


def test_a_first_deployment_that_fails_leaves_nothing(place):
    place.scene(deployments=["fails"])
    assert place.run("deploy") == 2
    assert "what it had made was deleted" in place.said and "starts anew" in place.said, place.said
    assert place.status() is None
    assert place.run("deploy") == 0, place.said
    assert place.run("undeploy") == 0, place.said
    assert place.status() == "DELETE_COMPLETE" and place.buckets() == []
    assert place.run("undeploy", PURGE="yes") == 0, place.said
    assert "there is no stack spotter" in place.said


@pytest.mark.parametrize("status", ["ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED", "REVIEW_IN_PROGRESS"])
@pytest.mark.parametrize("script", ["deploy", "undeploy"])
def test_a_stack_that_never_worked(place, status, script):
    place.world(f"world.stack('spotter', {status!r})")
    assert place.run(script) == 0, place.said
    assert place.status() == ("CREATE_COMPLETE" if script == "deploy" else "DELETE_COMPLETE")


@pytest.mark.parametrize("failures", [0, 1])
@pytest.mark.parametrize("script", ["deploy", "undeploy"])
def test_an_update_whose_rollback_failed(place, failures, script):
    place.scene(rollback_failures=failures)
    place.world("world.stack('spotter', 'UPDATE_ROLLBACK_FAILED', {'InputDays': '0'})")
    assert place.run(script) == 0, place.said
    if script == "deploy":
        assert place.status() == "UPDATE_COMPLETE"
        rollbacks = [call for call in place.calls if "continue-update-rollback" in call]
        assert len(rollbacks) == 1 + failures and all("DetectHttp" in call for call in rollbacks[1:]), rollbacks


@pytest.mark.parametrize("status", ["UPDATE_IN_PROGRESS", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", "CREATE_IN_PROGRESS"])
@pytest.mark.parametrize("script", ["deploy", "undeploy"])
def test_somebody_else_is_at_work(place, status, script):
    place.world(f"world.stack('spotter', {status!r}, {{'InputDays': '0'}}, then=[{status!r}, {status!r}, 'UPDATE_COMPLETE'])")
    assert place.run(script) == 0, place.said
    assert f"the stack spotter is {status}: waiting" in place.said


def test_a_deletion_under_way_is_waited_for(place):
    place.world("world.stack('spotter', 'DELETE_IN_PROGRESS', then=['DELETE_IN_PROGRESS', 'DELETE_IN_PROGRESS', 'DELETING'])")
    assert place.run("deploy") == 0, place.said
    assert place.status() == "CREATE_COMPLETE"


def test_an_update_that_fails(place):
    place.scene(deployments=["works", "fails"])
    assert place.run("deploy") == 0
    assert place.run("deploy") == 2
    assert "the deployment failed; the stack spotter is UPDATE_ROLLBACK_COMPLETE" in place.said, place.said
    assert place.run("deploy") == 0, place.said


def test_what_cannot_be_deleted_is_told(place):
    place.scene(delete_failure="User is not authorized to perform: iam:DeleteRole")
    place.world("world.stack('spotter', 'ROLLBACK_COMPLETE')")
    for script in ("deploy", "undeploy"):
        assert place.run(script) == 2
        assert "DELETE_FAILED" in place.said and "iam:DeleteRole" in place.said, place.said


# ---- the smoke test


def test_a_403_of_a_new_url_is_no_failure(place):
    refusal = "uploader: https://abc.lambda-url.eu-central-1.on.aws/: GET /health returned 403 Forbidden: Forbidden."
    place.scene(smoke=[[2, refusal], [2, refusal]])
    assert place.run("deploy") == 0, place.said
    assert "trying again" in place.said and "GET /health" not in place.said
    place.scene(smoke=[[1, "cat.jpg: undecodable_image [403 0 10 10]"]])
    assert place.run("deploy") == 1
    assert "trying again" not in place.said and "smoke test failed" in place.said


# ---- undeploy


def test_photos_are_kept_unless_told(place):
    assert place.run("deploy") == 0
    place.put(BUCKETS[0], "photos/cat.jpg")
    place.world("world.calls.clear()")
    refused(place, "undeploy", f"s3://{BUCKETS[0]} (objects)", "PURGE=yes")
    assert place.status() == "CREATE_COMPLETE"


@pytest.mark.parametrize("purge", ["", "yes"])
@pytest.mark.parametrize(
    "answer",
    [
        {"error": "AccessDenied", "message": "no s3:ListBucketVersions"},
        {"error": "InternalError", "message": "We encountered an internal error."},
        {"said": "Connection was closed before we received a valid response"},
        {"answer": []},
        {"answer": {}},
    ],
)
def test_only_a_listing_says_that_a_bucket_is_empty(place, answer, purge):
    place.scene(answers=[{"call": f"s3api list-object-versions --bucket {BUCKETS[1]}"} | answer])
    place.world(f"world.stack('spotter', 'CREATE_COMPLETE', buckets={BUCKETS!r})")
    refused(place, "undeploy", f"it is not known what is in s3://{BUCKETS[1]}", PURGE=purge)


def test_an_unreadable_stack_is_not_a_missing_one(place):
    place.scene(answers=[{"call": "cloudformation describe-stacks", "error": "AccessDenied"}])
    refused(place, "undeploy", "cannot tell whether there is a stack spotter", PURGE="yes")


@pytest.mark.parametrize("script", ["deploy", "undeploy"])
def test_stacks_of_others_are_left_alone(place, script):
    assert cloudformation.TEMPLATE.read_text().split("Description: >-\n  ")[1].startswith("Spotter ")
    place.world(f"world.stack('spotter', 'CREATE_COMPLETE', buckets={BUCKETS!r})")
    place.world("world.stacks['spotter'].update(Description='Billing')")
    refused(place, script, "is not Spotter's (Billing)", PURGE="yes")


def test_what_is_gone_is_no_error(place):
    assert place.run("deploy") == 0
    place.world(f"world.client('s3').delete_bucket(Bucket={BUCKETS[0]!r}) and None")
    place.world("world.client('ecr', 'eu-central-1').delete_repository(repositoryName='spotter', force=True) and None")
    assert place.run("undeploy", PURGE="yes") == 0, place.said
    assert place.status() == "DELETE_COMPLETE" and place.buckets() == []


def test_purge_takes_every_version_and_unfinished_upload(place):
    assert place.run("deploy") == 0
    s3 = "world.client('s3')"
    place.world(f"{s3}.put_bucket_versioning(Bucket={BUCKETS[0]!r}, VersioningConfiguration={{'Status': 'Enabled'}}) and None")
    for key in ("photos/cat.jpg", "photos/cat.jpg", "photos/dog & co ü.jpg"):
        place.put(BUCKETS[0], key)
    place.world(f"{s3}.delete_object(Bucket={BUCKETS[0]!r}, Key='photos/cat.jpg') and None")
    place.world(f"{s3}.create_multipart_upload(Bucket={BUCKETS[1]!r}, Key='results/half') and None")
    place.world(f"[{s3}.put_object(Bucket={BUCKETS[1]!r}, Key=f'results/{{n}}') and None for n in range(1100)] and None")
    assert place.run("undeploy", PURGE="yes") == 0, place.said
    assert place.buckets() == [] and place.status() == "DELETE_COMPLETE"
    assert any("abort-multipart-upload" in call for call in place.calls)
    assert place.world("world.client('ecr', 'eu-central-1').describe_repositories()['repositories']") == []


def test_old_versions_are_photos_too(place):
    assert place.run("deploy") == 0
    s3 = "world.client('s3')"
    place.world(f"{s3}.put_bucket_versioning(Bucket={BUCKETS[0]!r}, VersioningConfiguration={{'Status': 'Enabled'}}) and None")
    place.put(BUCKETS[0], "photos/cat.jpg")
    place.world(f"{s3}.delete_object(Bucket={BUCKETS[0]!r}, Key='photos/cat.jpg') and None")
    assert place.run("undeploy") == 2
    assert f"s3://{BUCKETS[0]} (old versions)" in place.said


def test_a_stack_that_deploy_cannot_replace_holds_photos(place):
    place.world(f"world.stack('spotter', 'DELETE_FAILED', buckets={BUCKETS!r})")
    place.put(BUCKETS[0], "photos/cat.jpg")
    assert place.run("deploy") == 2
    assert "is not empty" in place.said and BUCKETS[0] in place.buckets(), place.said
    assert place.run("undeploy", PURGE="yes") == 0, place.said
    assert place.run("deploy") == 0, place.said
