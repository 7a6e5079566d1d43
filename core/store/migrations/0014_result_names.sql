-- Metrics of comparisons under the names that they have now.
UPDATE jobs SET result = replace(replace(replace(replace(result,
 '"lc_parted":', '"lc_differs":'), '"soft_win_rate_b":', '"probability_win_rate_b":'),
 '"soft_low":', '"probability_low":'), '"soft_high":', '"probability_high":')
 WHERE stage = 'compare' AND result IS NOT NULL;
