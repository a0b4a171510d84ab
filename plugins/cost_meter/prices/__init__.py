"""What a usage costs: price lists, the operator's own prices, and what then if there is none."""
