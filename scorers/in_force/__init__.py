"""What a verdict depends on beside a subject's own facts: the base-wide figures, the model and the policy in force."""
