"""Asks the function with other services' own clients: boto3 (run it with .tools/moto/bin/python), inference-sdk and sahi (with
.tools/readers/bin/python).

    clients.py rekognition BASE ARGUMENTS…   detect_labels with these keyword arguments, each a JSON object; {"photo": PATH} is read
    clients.py roboflow BASE SETTINGS PHOTO… infer, with the settings of InferenceConfiguration as JSON
    clients.py sahi BASE PHOTO SIDE OVERLAP  get_sliced_prediction with the function as the model of each slice, nothing merged

prints a line of JSON for each: the answer, or the error as the client has it.
"""

import io
import json
import sys
import urllib.request


def rekognition(base, *requests):
    import boto3
    import botocore.config
    import botocore.exceptions

    config = botocore.config.Config(retries={"total_max_attempts": 1})
    secrets = {"aws_access_key_id": "someone", "aws_secret_access_key": "secret"}
    client = boto3.client("rekognition", endpoint_url=base, region_name="us-east-1", config=config, **secrets)
    for request in map(json.loads, requests):
        photo = request.pop("photo", None)
        if photo:
            with open(photo, "rb") as file:
                request["Image"] = {"Bytes": file.read()}
        try:
            answer = client.detect_labels(**request)
            del answer["ResponseMetadata"]
        except botocore.exceptions.ClientError as error:
            answer = {"raised": type(error).__name__, **error.response["Error"], "status": error.response["ResponseMetadata"]["HTTPStatusCode"]}
        yield answer


def roboflow(base, settings, *photos):
    from inference_sdk import InferenceConfiguration, InferenceHTTPClient
    from inference_sdk.http.errors import HTTPCallErrorError

    client = InferenceHTTPClient(api_url=base.rstrip("/"), api_key="none")
    settings = json.loads(settings)
    client.configure(InferenceConfiguration(**settings))
    for photo in photos:
        try:
            yield client.infer(photo, model_id="some-project/1")
        except HTTPCallErrorError as error:
            yield {"status": error.status_code, "message": error.api_message}


def sahi(base, photo, side, overlap):
    import PIL.Image
    from sahi.models.base import DetectionModel
    from sahi.prediction import ObjectPrediction
    from sahi.predict import get_sliced_prediction

    class Function(DetectionModel):
        def load_model(self):
            self.model, self.category_mapping = base, {}

        def check_dependencies(self, *_):
            pass

        def set_device(self, *_):
            pass

        def perform_inference(self, image):
            png = io.BytesIO()
            PIL.Image.fromarray(image).save(png, "png", compress_level=1)
            request = urllib.request.Request(f"{base}detect?confidence=0.3", png.getvalue(), {"Content-Type": "image/png"})
            with urllib.request.urlopen(request, timeout=30) as response:
                self._original_predictions = json.load(response)["detections"]

        def _create_object_prediction_list_from_original_predictions(self, shift_amount_list=[[0, 0]], full_shape_list=None):
            def first(value):
                return value[0] if value and isinstance(value[0], list) else value

            self._object_prediction_list_per_image = [[
                ObjectPrediction(
                    bbox=d["box"], score=d["score"], category_id=d["class_id"], category_name=d["label"],
                    shift_amount=first(shift_amount_list), full_shape=first(full_shape_list),
                )
                for d in self._original_predictions
            ]]  # fmt: skip

    model = Function(model_path="function", confidence_threshold=0.3)
    side, overlap = int(side), float(overlap)
    found = get_sliced_prediction(
        photo, model, side, side, overlap, overlap, postprocess_type="NMS", postprocess_match_metric="IOU",
        postprocess_match_threshold=0.999, force_postprocess_type=True, verbose=0,
    )  # fmt: skip
    boxes = [{"label": p.category.name, "score": p.score.value, "box": p.bbox.to_xyxy()} for p in found.object_prediction_list]
    yield {"boxes": boxes, "slices": [[x, y] for x, y in windows(photo, side, overlap)]}


def windows(photo, side, overlap):
    import PIL.Image
    from sahi.slicing import get_slice_bboxes

    width, height = PIL.Image.open(photo).size
    slices = {"slice_height": side, "slice_width": side, "overlap_height_ratio": overlap, "overlap_width_ratio": overlap}
    return [box[:2] for box in get_slice_bboxes(image_height=height, image_width=width, **slices)]


if __name__ == "__main__":
    for line in {"rekognition": rekognition, "roboflow": roboflow, "sahi": sahi}[sys.argv[1]](*sys.argv[2:]):
        print(json.dumps(line))
