// Programs and libraries that are only there for the precompiled header which others share.
int main() { return 0; }
