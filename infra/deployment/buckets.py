"""What is in the stack's buckets, and how they are emptied: every version, delete marker and unfinished upload."""

import json
import tempfile

from .aws import AwsError, aws
from .console import Refusal, say

GONE = ("NoSuchBucket", "404")
LISTING = {"Name", "Versions", "DeleteMarkers", "IsTruncated"}


class Unlisted(Exception):
    """S3 did not say what is in a bucket."""


def content(bucket):
    """What is in it, in words; empty for an empty bucket, nothing for one that is gone.

    Raises `Refusal` for anything but a listing: then nobody knows.
    """
    try:
        page = _versions(bucket)
    except Unlisted as error:
        raise Refusal(f"nothing was changed: it is not known what is in s3://{bucket}: {error}") from None
    if page is None:
        return None
    versions = page.get("Versions") or []
    if any(version.get("IsLatest", True) for version in versions):
        return "objects"
    return "old versions" if versions or page.get("DeleteMarkers") else ""


def empty(bucket):
    """Deletes everything in it, for good. A bucket that is gone is empty."""
    deleted = 0
    while True:
        try:
            page = _versions(bucket)
        except Unlisted as error:
            raise Refusal(f"s3://{bucket} cannot be emptied: {error}") from None
        listed = ((page or {}).get("Versions") or []) + ((page or {}).get("DeleteMarkers") or [])
        if not listed:
            break
        _delete(bucket, [{"Key": entry["Key"], "VersionId": entry.get("VersionId", "null")} for entry in listed])
        deleted += len(listed)
        say(f"s3://{bucket}: {deleted} deleted")
    _abort_uploads(bucket)


def _versions(bucket):
    """The first thousand of all versions and delete markers; nothing where there is no such bucket."""
    try:
        # Without the command's own paging it prints what S3 said, empty or not.
        page = aws("s3api", "list-object-versions", "--bucket", bucket, "--max-keys", "1000", "--no-paginate")
    except AwsError as error:
        if error.code in GONE:
            return None
        raise Unlisted(f"{error}{' (it takes s3:ListBucketVersions)' if error.is_refused() else ''}") from None
    if not isinstance(page, dict) or not LISTING & page.keys():
        raise Unlisted(f"this is no listing: {json.dumps(page)[:200]}")
    return page


def _delete(bucket, objects):
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"Objects": objects, "Quiet": True}, file)
        file.flush()
        try:
            answer = aws("s3api", "delete-objects", "--bucket", bucket, "--delete", f"file://{file.name}")
        except AwsError as error:
            raise Refusal(f"s3://{bucket} cannot be emptied: {error}") from None
    errors = answer.get("Errors") or []
    if errors:
        first = errors[0]
        raise Refusal(f"s3://{bucket} cannot be emptied: {first.get('Key')}: {first.get('Code')}: {first.get('Message')} ({len(errors)} such)")


def _abort_uploads(bucket):
    while True:
        try:
            page = aws("s3api", "list-multipart-uploads", "--bucket", bucket, "--no-paginate")
            uploads = page.get("Uploads") or []
            for upload in uploads:
                aws("s3api", "abort-multipart-upload", "--bucket", bucket, "--key", upload["Key"], "--upload-id", upload["UploadId"])
        except AwsError as error:
            if error.code in (*GONE, "NoSuchUpload"):
                return
            raise Refusal(f"unfinished uploads to s3://{bucket} cannot be aborted: {error}") from None
        if not uploads or not page.get("IsTruncated"):
            return
