"""The simulator: laws of conservation, theory, and the draws that both rest on."""
