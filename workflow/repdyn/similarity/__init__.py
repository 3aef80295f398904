"""Similarity of representations: Gram matrices, CKA and its estimators, intervals. Arrays in, arrays out."""
