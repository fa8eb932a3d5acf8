-- How many objects of each label were found, by each model.
SELECT
  model,
  label,
  count(*) AS objects,
  count(DISTINCT bucket || '/' || key) AS photos,
  round(avg(score), 2) AS average_score
FROM detections
GROUP BY model, label
ORDER BY model, objects DESC, label
