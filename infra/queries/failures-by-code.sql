-- Photos without an answer, by the code of the error.
SELECT
  error.code AS code,
  count(DISTINCT source.bucket || '/' || source.key) AS photos,
  min(source.key) AS first_key,
  min(error.message) AS message
FROM results
WHERE error IS NOT NULL
GROUP BY error.code
ORDER BY photos DESC, code
