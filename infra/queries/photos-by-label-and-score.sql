-- Photos with a label, the best score first. Put in the label and the least score.
SELECT
  bucket,
  key,
  model,
  count(*) AS objects,
  max(score) AS best_score
FROM detections
WHERE label = 'person'
  AND score >= 0.5
GROUP BY bucket, key, model
ORDER BY best_score DESC, bucket, key, model
LIMIT 1000
