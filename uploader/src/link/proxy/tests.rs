use super::*;

fn proxies(variables: &[(&str, &str)]) -> Proxies {
    Proxies::read(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned()))
}

/// Host and port of the proxy for a URL.
fn way(proxies: &Proxies, url: &str) -> Option<String> {
    let endpoint = proxies.lead(Endpoint::parse(url).unwrap()).unwrap();
    endpoint.proxy.map(|proxy| format!("{}:{}", proxy.host, proxy.port))
}

#[test]
fn each_variable_counts_for_its_scheme_in_both_cases() {
    for (variable, http, https) in [
        ("HTTP_PROXY", true, false),
        ("http_proxy", true, false),
        ("HTTPS_PROXY", false, true),
        ("https_proxy", false, true),
        ("ALL_PROXY", true, true),
        ("all_proxy", true, true),
    ] {
        let proxies = proxies(&[(variable, "http://p:3128")]);
        assert_eq!(way(&proxies, "http://name.invalid/").is_some(), http, "{variable}");
        assert_eq!(way(&proxies, "https://name.invalid/").is_some(), https, "{variable}");
    }
}

#[test]
fn the_special_goes_before_the_general_and_lower_case_before_upper() {
    let proxies = proxies(&[
        ("ALL_PROXY", "http://all:1"),
        ("HTTPS_PROXY", "http://upper:2"),
        ("https_proxy", "http://lower:3"),
        ("http_proxy", ""),
    ]);
    assert_eq!(way(&proxies, "https://name.invalid/").as_deref(), Some("lower:3"));
    assert_eq!(way(&proxies, "http://name.invalid/").as_deref(), Some("all:1"));
}

#[test]
fn a_requests_header_names_no_proxy() {
    let cgi = |variable| way(&proxies(&[("REQUEST_METHOD", "GET"), (variable, "p:1")]), "http://name.invalid/");
    assert_eq!(cgi("HTTP_PROXY"), None);
    assert_eq!(cgi("http_proxy").as_deref(), Some("p:1"));
    assert_eq!(cgi("ALL_PROXY").as_deref(), Some("p:1"));
}

#[test]
fn exemptions_are_names_addresses_networks_and_ports() {
    let is_direct = |list, url| way(&proxies(&[("ALL_PROXY", "http://p:1"), ("NO_PROXY", list)]), url).is_none();
    for (list, url, direct) in [
        ("name.invalid", "http://name.invalid/", true),
        ("name.invalid", "http://NAME.invalid/", true),
        ("name.invalid", "http://sub.name.invalid/", true),
        ("name.invalid", "http://noname.invalid/", false),
        (".name.invalid", "http://sub.name.invalid/", true),
        (".name.invalid", "http://name.invalid/", true),
        ("*.name.invalid", "http://sub.name.invalid/", true),
        ("*.name.invalid", "http://other.invalid/", false),
        ("name.invalid", "http://name.invalid./", true),
        ("a.invalid, name.invalid", "https://name.invalid/", true),
        ("a.invalid name.invalid", "https://name.invalid/", true),
        ("*", "http://name.invalid/", true),
        ("name.invalid:8080", "http://name.invalid:8080/", true),
        ("name.invalid:8080", "http://name.invalid/", false),
        ("name.invalid:443", "https://name.invalid/", true),
        (".invalid:81", "http://name.invalid:81/", true),
        ("10.0.0.0/8", "http://10.1.2.3/", true),
        ("10.0.0.0/8", "http://11.1.2.3/", false),
        ("192.0.2.7", "http://192.0.2.7/", true),
        ("192.0.2.7:81", "http://192.0.2.7/", false),
        ("2001:db8::/32", "http://[2001:db8::1]/", true),
        ("2001:db8::1", "http://[2001:db8::1]/", true),
        ("[2001:db8::1]:81", "http://[2001:db8::1]:81/", true),
        ("[2001:db8::1]:81", "http://[2001:db8::1]/", false),
        ("", "http://name.invalid/", false),
        (",", "http://name.invalid/", false),
    ] {
        assert_eq!(is_direct(list, url), direct, "{list} {url}");
    }
}

#[test]
fn what_only_this_machine_reaches_never_goes_through_a_proxy() {
    let proxies = proxies(&[("ALL_PROXY", "http://p:1")]);
    for (url, direct) in [
        ("http://localhost:9000/", true),
        ("http://s3.localhost/", true),
        ("http://127.0.0.1/", true),
        ("https://127.8.9.1/", true),
        ("http://[::1]:9000/", true),
        ("http://[::ffff:127.0.0.1]/", true),
        ("http://169.254.169.254/", true),
        ("http://169.254.170.2/", true),
        ("http://[fd00:ec2::254]/", true),
        ("http://10.0.0.1/", false),
        ("http://localhost.invalid/", false),
    ] {
        assert_eq!(way(&proxies, url).is_none(), direct, "{url}");
    }
}

#[test]
fn a_place_to_connect_to_goes_before_a_proxy() {
    let mut endpoint = Endpoint::parse("http://name.invalid/").unwrap();
    endpoint.via = Some(("192.0.2.1".to_owned(), 80));
    let endpoint = proxies(&[("ALL_PROXY", "http://p:1")]).lead(endpoint).unwrap();
    assert_eq!(endpoint.proxy, None);
}

#[test]
fn users_and_passwords_are_decoded_and_never_shown() {
    for (value, header) in [
        ("http://me:se%63ret@p:1", Some("Basic bWU6c2VjcmV0")),
        ("me:secret@p:1", Some("Basic bWU6c2VjcmV0")),
        ("http://me:p%40ss%3Aword@p:1", Some("Basic bWU6cEBzczp3b3Jk")),
        ("http://me@p:1", Some("Basic bWU6")),
        ("http://p:1", None),
    ] {
        let proxy = proxies(&[("ALL_PROXY", value)]).of(false, "name.invalid", 80).unwrap().unwrap();
        assert_eq!(proxy.authorization.as_ref().map(|value| value.to_str().unwrap()), header, "{value}");
        assert_eq!(proxy.to_string(), "proxy http://p:1 (ALL_PROXY)");
        assert_eq!(format!("{proxy:?}"), proxy.to_string());
    }
}

#[test]
fn what_cannot_be_used_is_told_without_the_password() {
    for (value, says) in [
        ("socks5://me:secret@p:1080", "unsupported scheme socks5"),
        ("SOCKS5h://me:secret@p:1080", "unsupported scheme SOCKS5h"),
        ("http://me:sec/ret@p:1080", "not a URL"),
        ("me:secret://ret@p:1080", "not a URL"),
        ("http://me:123/ret@p:1080", "not a URL"),
        ("http://me:sec ret@p:1080", "not a URL"),
        ("http://p:1080x", "not a URL"),
        ("http://", "not a URL"),
    ] {
        let proxies = proxies(&[("HTTPS_PROXY", value)]);
        let error = proxies.of(true, "name.invalid", 443).unwrap_err().to_string();
        assert!(
            error.contains(says) && error.starts_with("invalid proxy ") && error.contains(" in HTTPS_PROXY: "),
            "{error}"
        );
        assert!(!error.contains("ret@") && !error.contains("secret") && !error.contains("me:"), "{error}");
        assert!(!value.contains('@') || error.contains("p:1080"), "{error}");
        // Nobody is kept from what does not go through it.
        assert_eq!(proxies.of(false, "name.invalid", 80), Ok(None));
        assert_eq!(proxies.of(true, "localhost", 443), Ok(None));
    }
}

#[test]
fn ports_are_the_schemes_where_none_is_given() {
    let port = |value| proxies(&[("ALL_PROXY", value)]).of(false, "name.invalid", 80).unwrap().unwrap().port;
    assert_eq!((port("http://p"), port("https://p"), port("p")), (80, 443, 80));
}
