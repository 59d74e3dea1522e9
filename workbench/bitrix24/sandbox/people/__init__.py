"""Users and departments, what each may see, and the webhooks that act for them."""
