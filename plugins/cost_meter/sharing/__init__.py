"""The ledger of a fleet: rows and totals of each process's file, in one DynamoDB table."""
