"""What will have been spent: series, models, intervals, anomalies."""
