"""Networks, their observed layers, and the reduction of activations."""
