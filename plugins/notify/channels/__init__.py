"""Where people are told: Slack, e-mail, PagerDuty, a signed webhook."""
