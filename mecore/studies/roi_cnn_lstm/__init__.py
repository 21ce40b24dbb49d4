"""ROI CNN-LSTM (Aouayeb et al. 2019)."""
