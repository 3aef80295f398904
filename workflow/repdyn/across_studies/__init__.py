"""What several studies found, together: the same claims by study, what they agree on, and what lies between them."""
