"""The provider's own bill beside the ledger."""
