//! Between NDK providers and consumers: what tcpip.sys does on Windows.
