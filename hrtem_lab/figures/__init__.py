"""Pictures, and tables in words. The one subpackage that knows matplotlib."""
