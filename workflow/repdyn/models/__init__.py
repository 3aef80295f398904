"""Networks, their observed layers, and how these are reduced to vectors."""
