-- Photos in which a model found nothing.
SELECT
  source.bucket AS bucket,
  source.key AS key,
  model.name AS model
FROM results
WHERE error IS NULL
  AND cardinality(detections) = 0
ORDER BY 1, 2, 3
LIMIT 1000
