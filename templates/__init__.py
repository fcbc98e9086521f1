"""What people read: one template a language and audience, and the labels of every key of the vocabulary."""
