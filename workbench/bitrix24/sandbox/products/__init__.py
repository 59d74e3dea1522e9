"""The catalogue, its prices, and the product rows of records."""
