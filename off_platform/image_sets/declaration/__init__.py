"""What a set shall be: declared sets, options, splits' shares, labels; data only."""
