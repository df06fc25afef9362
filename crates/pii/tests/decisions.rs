//! Texts and what is to be found in them, as it stands there.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::string_slice)]

use weir_pii::{Scanner, Settings};

/// The text, and what is found: kind and the text of the span.
type Case = (&'static str, &'static [(&'static str, &'static str)]);

fn check(cases: &[Case]) {
    let scanner = Scanner::new(&Settings::default()).unwrap();
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let mut found = Vec::new();
        scanner.scan(text, None, &mut found);
        let got: Vec<(&str, &str)> = found
            .iter()
            .map(|finding| (finding.kind.name(), &text[finding.span.clone()]))
            .collect();
        if got != *expected {
            wrong.push(format!(
                "{text:?}\n   expected {expected:?}\n        got {got:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}

#[test]
fn addresses() {
    check(&[
        (
            "Mail jane.roe@example.com.",
            &[("EMAIL", "jane.roe@example.com")],
        ),
        (
            "mailto:Jane_Roe+tag@mail.example.co.uk?subject=hi",
            &[("EMAIL", "Jane_Roe+tag@mail.example.co.uk")],
        ),
        (
            "<j.o'neil@example.ie>, 'bob@x.io'",
            &[("EMAIL", "j.o'neil@example.ie"), ("EMAIL", "bob@x.io")],
        ),
        ("email=a@b.de&x=1", &[("EMAIL", "a@b.de")]),
        (
            "user=john%40example.com&x",
            &[("EMAIL", "john%40example.com")],
        ),
        (
            "john [at] example [dot] com",
            &[("EMAIL", "john [at] example [dot] com")],
        ),
        (
            "j [dot] doe [at] example [dot] com, \"jörg%40example.com\"",
            &[
                ("EMAIL", "j [dot] doe [at] example [dot] com"),
                ("EMAIL", "jörg%40example.com"),
            ],
        ),
        (
            "write john.doe(at)example.com now",
            &[("EMAIL", "john.doe(at)example.com")],
        ),
        (
            "reach me: john at example dot com thanks",
            &[("EMAIL", "john at example dot com")],
        ),
        (
            "邮箱zhang.wei@example.com谢谢",
            &[("EMAIL", "zhang.wei@example.com")],
        ),
        (
            "邮箱：ｚｈａｎｇ＠ｅｘａｍｐｌｅ．ｃｏｍ。",
            &[("EMAIL", "ｚｈａｎｇ＠ｅｘａｍｐｌｅ．ｃｏｍ")],
        ),
        (
            "user@müller.de und jörg@büro.example",
            &[("EMAIL", "user@müller.de"), ("EMAIL", "jörg@büro.example")],
        ),
        ("почта: иван@пример.рф.", &[("EMAIL", "иван@пример.рф")]),
        (
            "x\nfoo\\nanna@example.org\\nbar",
            &[("EMAIL", "anna@example.org")],
        ),
        ("a@b", &[]),
        ("git clone git@github.com:org/repo.git", &[]),
        ("npm i react@18.2.0 @types/node@20.1.3 lodash@latest", &[]),
        ("scp deploy@prod.example.com:/var/www .", &[]),
        ("logo@2x.png actions/checkout@v4 github.com/a/b@v1.2.3", &[]),
        ("@Override @app.route(\"/\") getty@tty1.service", &[]),
        (
            "image@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            &[],
        ),
        ("Hi @john_doe and @jane!", &[]),
    ]);
}

#[test]
fn telephones() {
    check(&[
        (
            "Call +1 (212) 555-0187 today",
            &[("PHONE", "+1 (212) 555-0187")],
        ),
        (
            "+49 30 901820, +44 20 7946 0958; +33 1 23 45 67 89",
            &[
                ("PHONE", "+49 30 901820"),
                ("PHONE", "+44 20 7946 0958"),
                ("PHONE", "+33 1 23 45 67 89"),
            ],
        ),
        (
            "(212) 555-0187 or 212-555-0187 or 212.555.0187",
            &[
                ("PHONE", "(212) 555-0187"),
                ("PHONE", "212-555-0187"),
                ("PHONE", "212.555.0187"),
            ],
        ),
        (
            "my number is 1-800-555-0199 x1234.",
            &[("PHONE", "1-800-555-0199 x1234")],
        ),
        (
            "001-555-123-4567x1234 or +1-555-123-4567",
            &[
                ("PHONE", "001-555-123-4567x1234"),
                ("PHONE", "+1-555-123-4567"),
            ],
        ),
        ("phone: 2125550187", &[("PHONE", "2125550187")]),
        (
            "{\"phone_number\":\"2125550187\"}",
            &[("PHONE", "2125550187")],
        ),
        ("电话13812345678谢谢", &[("PHONE", "13812345678")]),
        ("手机号：138 1234 5678", &[("PHONE", "138 1234 5678")]),
        ("06 12 34 56 78", &[("PHONE", "06 12 34 56 78")]),
        ("Tel. 030/901820", &[("PHONE", "030/901820")]),
        (
            "ring 020 7946 0958 or 07700 900123",
            &[("PHONE", "020 7946 0958"), ("PHONE", "07700 900123")],
        ),
        ("+44 (0)20 7946 0958", &[("PHONE", "+44 (0)20 7946 0958")]),
        ("0049 170 1234567", &[("PHONE", "0049 170 1234567")]),
        ("call 090-1234-5678", &[("PHONE", "090-1234-5678")]),
        ("연락처 010-1234-5678입니다", &[("PHONE", "010-1234-5678")]),
        (
            "WhatsApp: +55 11 91234-5678",
            &[("PHONE", "+55 11 91234-5678")],
        ),
        ("tel:+12125550187", &[("PHONE", "+12125550187")]),
        ("mobile 0412 345 678", &[("PHONE", "0412 345 678")]),
        ("(11) 91234-5678", &[("PHONE", "(11) 91234-5678")]),
        ("Order 2125550187 shipped", &[]),
        ("SKU 212-555-0187", &[]),
        ("Case #212-555-0187", &[]),
        ("on 2024-01-15 10:30:00+0200 and 01.02.2024", &[]),
        ("1705312800 1705312800123", &[]),
        ("pi is 3.14159265358979", &[]),
        ("5551234567", &[]),
        ("ISBN 978-3-16-148410-0", &[]),
        ("version 10.0.19045.3803", &[]),
        ("1,234,567,890 people; $1,299.00", &[]),
    ]);
}

#[test]
fn numbers_with_check_digits() {
    check(&[
        (
            "4111 1111 1111 1111 12/26 123",
            &[("CARD", "4111 1111 1111 1111")],
        ),
        (
            "order 4111 1111 1111 1111, order 4111111111111111",
            &[("CARD", "4111 1111 1111 1111")],
        ),
        (
            "card=4111111111111111&cvv=1",
            &[("CARD", "4111111111111111")],
        ),
        ("Amex 3782-822463-10005.", &[("CARD", "3782-822463-10005")]),
        (
            "４１１１ １１１１ １１１１ １１１１",
            &[("CARD", "４１１１ １１１１ １１１１ １１１１")],
        ),
        (
            "4111\u{200b}1111\u{200b}1111\u{200b}1111",
            &[("CARD", "4111\u{200b}1111\u{200b}1111\u{200b}1111")],
        ),
        ("Order 4111111111111111", &[]),
        ("4111111111111112", &[]),
        (
            "IBAN: DE89 3704 0044 0532 0130 00, BIC",
            &[("IBAN", "DE89 3704 0044 0532 0130 00")],
        ),
        (
            "de89370400440532013000",
            &[("IBAN", "de89370400440532013000")],
        ),
        (
            "{\"iban\":\"GB29NWBK60161331926819\"}",
            &[("IBAN", "GB29NWBK60161331926819")],
        ),
        (
            "from 203.0.113.77:8080 to [2001:db8::8a2e:370:7334]:443",
            &[("IP", "203.0.113.77"), ("IP", "2001:db8::8a2e:370:7334")],
        ),
        (
            "10.1.2.3/24, 192.168.1.17.",
            &[("IP", "10.1.2.3"), ("IP", "192.168.1.17")],
        ),
        ("127.0.0.1 255.255.255.0 0.0.0.0 ::1", &[]),
        ("version 1.2.3.4, v4.3.2.1, Chrome/120.0.1.2", &[]),
        ("Section 1.2.3.4 says", &[]),
        ("std::string a::b::c 12:34:56", &[]),
        (
            "00:1B:44:11:3A:B7 and aabb.ccdd.ee01",
            &[("MAC", "00:1B:44:11:3A:B7"), ("MAC", "aabb.ccdd.ee01")],
        ),
        ("SSN 219-45-6781", &[("SSN", "219-45-6781")]),
        ("ssn: 219456781", &[("SSN", "219456781")]),
        ("{\"ssn\": \"219456781\"}", &[("SSN", "219456781")]),
        ("219456781", &[]),
        ("part 219-45-6781-9", &[]),
        ("My NI number is AB123456C", &[("NINO", "AB123456C")]),
        ("BSN: 111222333", &[("NL_BSN", "111222333")]),
        (
            "Steuer-IdNr. 86 095 742 719",
            &[("DE_TAX_ID", "86 095 742 719")],
        ),
        (
            "social_insurance_number=130692544, taxFileNumber: 123456782",
            &[("CA_SIN", "130692544"), ("AU_TFN", "123456782")],
        ),
        ("PESEL: 44051401359.", &[("PESEL", "44051401359")]),
        ("CPF 529.982.247-25", &[("BR_CPF", "529.982.247-25")]),
        (
            "身份证号11010519491231002X",
            &[("CN_RESIDENT_ID", "11010519491231002X")],
        ),
        (
            "DNI 12345678Z; NIE X-1234567-L",
            &[("ES_NIF", "12345678Z"), ("ES_NIF", "X-1234567-L")],
        ),
        ("550e8400-e29b-41d4-a716-446655440000", &[]),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709", &[]),
        ("1Z999AA10123456784", &[]),
        ("VIN 1HGCM82633A004352", &[("VIN", "1HGCM82633A004352")]),
        (
            "send to 1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
            &[("CRYPTO_ADDRESS", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")],
        ),
        (
            "0xde0B295669a9FD93d5F28D9Ec85E40f4cb697BAe",
            &[(
                "CRYPTO_ADDRESS",
                "0xde0B295669a9FD93d5F28D9Ec85E40f4cb697BAe",
            )],
        ),
    ]);
}

#[test]
fn values_after_labels() {
    check(&[
        ("Passport No: C01X00T47", &[("PASSPORT", "C01X00T47")]),
        ("passport number is 123456789", &[("PASSPORT", "123456789")]),
        (
            "{\"passportNumber\": \"AB1234567\"}",
            &[("PASSPORT", "AB1234567")],
        ),
        ("护照号码：E12345678", &[("PASSPORT", "E12345678")]),
        ("my passport expires in 2027", &[]),
        (
            "Driver's License Number: D1234567",
            &[("DRIVING_LICENCE", "D1234567")],
        ),
        (
            "driver_license=S123-4567-8901",
            &[("DRIVING_LICENCE", "S123-4567-8901")],
        ),
        (
            "DL: F255-921-50-094-0",
            &[("DRIVING_LICENCE", "F255-921-50-094-0")],
        ),
        ("MRN: 00482917", &[("MEDICAL_RECORD", "00482917")]),
        ("Patient ID MR-448291", &[("MEDICAL_RECORD", "MR-448291")]),
        ("DOB: 12/03/1985", &[("DATE_OF_BIRTH", "12/03/1985")]),
        (
            "born on March 12, 1985 in Leeds",
            &[("DATE_OF_BIRTH", "March 12, 1985")],
        ),
        (
            "geboren am 12. März 1985",
            &[("DATE_OF_BIRTH", "12. März 1985")],
        ),
        (
            "\"dateOfBirth\":\"1985-03-12\"",
            &[("DATE_OF_BIRTH", "1985-03-12")],
        ),
        (
            "出生日期：1985年3月12日",
            &[("DATE_OF_BIRTH", "1985年3月12日")],
        ),
        ("released on March 12, 2021", &[]),
        (
            "account number 000123456789",
            &[("BANK_ACCOUNT", "000123456789")],
        ),
        ("routing number 021000021", &[("ABA_ROUTING", "021000021")]),
        ("NPI: 1234567893", &[("NPI", "1234567893")]),
        ("DEA# AB1234563", &[("DEA", "AB1234563")]),
        ("MBI 1EG4-TE5-MK73", &[("MBI", "1EG4-TE5-MK73")]),
        ("IMEI 490154203237518", &[("IMEI", "490154203237518")]),
    ]);
}

#[test]
fn secrets() {
    check(&[
        ("password: hunter2", &[("PASSWORD", "hunter2")]),
        ("password=Tr0ub4dor&3!", &[("PASSWORD", "Tr0ub4dor&3!")]),
        (
            "my password is P@ssw0rd123.",
            &[("PASSWORD", "P@ssw0rd123")],
        ),
        (
            "{\"password\":\"s3cr3t!\",\"x\":1}",
            &[("PASSWORD", "s3cr3t!")],
        ),
        (
            "{\\\"password\\\":\\\"s3cr3t!\\\"}",
            &[("PASSWORD", "s3cr3t!")],
        ),
        ("DB_PASSWORD=Zk9!mQ2x", &[("PASSWORD", "Zk9!mQ2x")]),
        ("密码：abc12345", &[("PASSWORD", "abc12345")]),
        ("DB_PASSWORD=<password>\nDB_HOST=juniper1", &[]),
        ("Пароль от почты: Zx12cv34", &[("PASSWORD", "Zx12cv34")]),
        (
            "Cookie: session=abc123def456ghi789",
            &[("SECRET", "abc123def456ghi789")],
        ),
        ("Passwort: geh3im!", &[("PASSWORD", "geh3im!")]),
        (
            "mysql -u root --password s3cr3tX1 db",
            &[("PASSWORD", "s3cr3tX1")],
        ),
        ("<password>s3cr3tX1</password>", &[("PASSWORD", "s3cr3tX1")]),
        (
            "Server=x;User Id=sa;Password=Kd8#kLm2;Encrypt=true",
            &[("PASSWORD", "Kd8#kLm2")],
        ),
        (
            "api_key = '8c1f0b7e2d9a4f63b5e7'",
            &[("SECRET", "8c1f0b7e2d9a4f63b5e7")],
        ),
        (
            "export API_TOKEN=8c1f0b7e2d9a4f63b5e7",
            &[("SECRET", "8c1f0b7e2d9a4f63b5e7")],
        ),
        (
            "AWS_ACCESS_KEY_ID=AKIAQ3EGRTZ7KLMNOP2X",
            &[("AWS_KEY", "AKIAQ3EGRTZ7KLMNOP2X")],
        ),
        (
            "aws_secret_access_key = q2Rk0bUo8yT5rW1xZc7vNm3LpHs9JdFgA4eKtYiX",
            &[("AWS_SECRET", "q2Rk0bUo8yT5rW1xZc7vNm3LpHs9JdFgA4eKtYiX")],
        ),
        (
            "Authorization: Bearer 9fQ2xLr7TzVb3KcW8mJd",
            &[("BEARER_TOKEN", "9fQ2xLr7TzVb3KcW8mJd")],
        ),
        (
            "Authorization: Basic amFuZTpzM2NyOXRQdw==",
            &[("BASIC_AUTH", "amFuZTpzM2NyOXRQdw==")],
        ),
        (
            "postgres://app:s3cr9tPw@db:5432/app,",
            &[("CONNECTION_STRING", "postgres://app:s3cr9tPw@db:5432/app")],
        ),
        (
            "redis://:pX9z2k1@cache:6379",
            &[("CONNECTION_STRING", "redis://:pX9z2k1@cache:6379")],
        ),
        (
            "https://jane:s3cr9tPw@host.example/path",
            &[("URL_CREDENTIALS", "https://jane:s3cr9tPw@host.example/path")],
        ),
        ("password: required", &[]),
        ("password = getpass()", &[]),
        ("password: string; token: string", &[]),
        (
            "password=${DB_PASSWORD} token=<your-token> key=YOUR_API_KEY",
            &[],
        ),
        ("api_key=\"YOUR_API_KEY\" secret: xxxxxxxx", &[]),
        ("api_key=os.environ['API_KEY']", &[]),
        ("const token = await getToken(user1);", &[]),
        (
            "max_tokens: 4096, total_tokens=1234, token_type: Bearer",
            &[],
        ),
        ("The password must be at least 8 characters", &[]),
        ("forgot my password, please help", &[]),
        ("token count is 2048, tokens: 12k", &[]),
        ("self.password = user.password", &[]),
        ("postgres://user:password@localhost/db", &[]),
        ("sk-YOUR-KEY-HERE sk-xxxxxxxxxxxxxxxxxxxxxxxx", &[]),
        ("git commit 9fceb02d0ae598e95dc970b74767f19372d61af8", &[]),
        ("AKIAIOSFODNN7EXAMPLE", &[]),
        ("const primaryKey = 'user_id'; auth: true", &[]),
        ("sort by key: created_at2", &[]),
    ]);
}

#[test]
fn columns_of_tables() {
    check(&[
        (
            "name,dob,passport,password\nAnn,1985-03-12,AB1234567,hunter2x\n\"Bob, jr\",03/04/1990,CD7654321,s3cret99",
            &[
                ("DATE_OF_BIRTH", "1985-03-12"),
                ("PASSPORT", "AB1234567"),
                ("PASSWORD", "hunter2x"),
                ("DATE_OF_BIRTH", "03/04/1990"),
                ("PASSPORT", "CD7654321"),
                ("PASSWORD", "s3cret99"),
            ],
        ),
        (
            "| Name | SSN | Total |\n|---|---|---|\n| Bob | 219456781 | 12.50 |",
            &[("SSN", "219456781")],
        ),
        ("id;total\n219456781;219456782", &[]),
        (
            "Hello, world\nthe ssn, it is\n1, 219456781",
            &[("SSN", "219456781")],
        ),
    ]);
}

#[test]
fn nothing_in_what_only_looks_like_it() {
    check(&[
        (
            "Order #10293847 total $1,299.99 on 2024-05-01T12:00:00Z",
            &[],
        ),
        ("ISBN 9783161484100, ISBN-10 0-306-40615-2", &[]),
        ("SKU ABC-12345-XY, part no 123-456-789", &[]),
        ("Tracking 9400 1000 0000 0000 0000 00", &[]),
        ("lat 52.520008, lng 13.404954", &[]),
        ("build 20240115.1234567 commit abc1234", &[]),
        (
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            &[],
        ),
        (
            "for i in range(1000000000): x[123456789] += 0xDEADBEEF",
            &[],
        ),
        (
            "2024-01-15 10:22:33,123 INFO [thread-12] took 1234567 ns",
            &[],
        ),
        ("Ticket INC0012345678 and case 00123456", &[]),
        ("invoice no. 2024-000123 amount 1234567890 EUR", &[]),
        ("the years 1999-2024, 100 000 000 users", &[]),
        ("UPC 036000291452 EAN 4006381333931", &[]),
        ("timestamp=1700000000000 id=507f1f77bcf86cd799439011", &[]),
        ("arXiv:2301.12345 doi:10.1000/182", &[]),
        ("phone model SM-G991B/DS and iPhone 15", &[]),
        ("room 4021, seats 12-14, 555 people", &[]),
        ("color: #1a2b3c; margin: 10px 20px", &[]),
        ("08:00-17:30 Mon-Fri", &[]),
        ("RFC 2119 and ISO 8601:2004", &[]),
        (
            "trace_id=4bf92f3577b34da6a3ce929d0e0e4736 span_id=00f067aa0ba902b7",
            &[],
        ),
    ]);
}
