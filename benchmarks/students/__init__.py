"""What models take: fine-tuning, responses, sentence embeddings."""
