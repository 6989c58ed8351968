"""What a verdict depends on besides the subject's own facts: figures, risk model, policy and knowledge of groups in force."""
