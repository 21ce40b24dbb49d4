"""ROI CNN-LSTM: six region CNNs and a sequence network (Aouayeb et al., 2019)."""
