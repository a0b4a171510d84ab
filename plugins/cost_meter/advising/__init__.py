"""What could be cheaper, with evidence: rules, records, approval, realised savings."""
