-- The view `detections`: one row per box.
SELECT
  results.date,
  source.bucket AS bucket,
  source.key AS key,
  source.etag AS etag,
  model.name AS model,
  model.sha256 AS model_sha256,
  found.label AS label,
  found.class_id AS class_id,
  found.score AS score,
  found.box[1] AS x1,
  found.box[2] AS y1,
  found.box[3] AS x2,
  found.box[4] AS y2,
  image.width AS width,
  image.height AS height
FROM results
CROSS JOIN UNNEST(detections) AS found (label, class_id, score, box)
