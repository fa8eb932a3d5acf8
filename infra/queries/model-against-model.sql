-- Boxes of each model on photos that another model has looked at, too, and how many of them that model has as well:
-- the same label and an overlap (IoU) of at least 0.5.
WITH seen AS (
  SELECT DISTINCT
    source.bucket AS bucket, source.key AS key, source.etag AS etag,
    model.name || ' ' || substr(model.sha256, 1, 8) AS model
  FROM results
  WHERE error IS NULL
),
found AS (
  SELECT bucket, key, etag, model || ' ' || substr(model_sha256, 1, 8) AS model, label, score, x1, y1, x2, y2
  FROM detections
),
boxes AS (
  SELECT one.*, seen.model AS other
  FROM found AS one
  JOIN seen ON seen.bucket = one.bucket AND seen.key = one.key AND seen.etag = one.etag AND seen.model <> one.model
),
pairs AS (
  SELECT
    one.model, one.other, one.bucket, one.key, one.etag, one.label, one.score, one.x1, one.y1, one.x2, one.y2,
    greatest(0, least(one.x2, two.x2) - greatest(one.x1, two.x1))
      * greatest(0, least(one.y2, two.y2) - greatest(one.y1, two.y1)) AS shared,
    (one.x2 - one.x1) * (one.y2 - one.y1) + (two.x2 - two.x1) * (two.y2 - two.y1) AS areas
  FROM boxes AS one
  LEFT JOIN found AS two
    ON two.bucket = one.bucket AND two.key = one.key AND two.etag = one.etag
    AND two.model = one.other AND two.label = one.label
),
counted AS (
  SELECT model, other, label, score, max(CASE WHEN shared >= 0.5 * (areas - shared) THEN 1 ELSE 0 END) AS agreed
  FROM pairs
  GROUP BY model, other, bucket, key, etag, label, score, x1, y1, x2, y2
)
SELECT
  model,
  other,
  label,
  count(*) AS objects,
  sum(agreed) AS in_both,
  round(avg(score), 2) AS average_score
FROM counted
GROUP BY model, other, label
ORDER BY model, other, objects DESC, label
