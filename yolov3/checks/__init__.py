"""What is wrong with data as they are learned from, said alike by the doctor and where a training begins. Reads no labels."""
