"""What infra/deploy and infra/undeploy share. Standard library only; AWS is asked through its command."""
