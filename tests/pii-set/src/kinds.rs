//! The kinds of values: what they are called, by whom, and how many cases each gets.

use crate::case::Group;
use crate::random::Random;
use crate::values::{self, context, national};

pub(crate) struct Kind {
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    pub(crate) cases: usize,
    /// What people call it, by language.
    pub(crate) cues: &'static [(&'static str, &'static str)],
    /// What programs call it.
    pub(crate) keys: &'static str,
    /// Which spellings tell by themselves what they are; none do where this is absent.
    pub(crate) alone: Option<fn(&str) -> bool>,
    pub(crate) make: fn(&mut Random, &str) -> String,
}

/// The group whose bar a type is held to; none when it is no type of the set.
pub fn group_of(name: &str) -> Option<Group> {
    KINDS
        .iter()
        .find(|kind| kind.name == name)
        .map(|kind| kind.group)
}

const ALWAYS: Option<fn(&str) -> bool> = Some(|_| true);
const GROUPED: Option<fn(&str) -> bool> = Some(|text| !text.chars().all(char::is_alphanumeric));
const DASHED: Option<fn(&str) -> bool> = Some(|text| text.contains('-'));

macro_rules! kinds {
    ($($name:ident $group:ident $cases:literal $make:expr, $alone:expr, $keys:literal, $([$tongue:literal $cue:literal])+;)+) => {
        pub(crate) const KINDS: &[Kind] = &[$(Kind {
            name: stringify!($name),
            group: Group::$group,
            cases: $cases,
            cues: &[$(($tongue, $cue)),+],
            keys: $keys,
            alone: $alone,
            make: $make,
        }),+];
    };
}

kinds! {
    EMAIL Core 170 |r, _| values::email(r), ALWAYS, "email|e_mail|contact_email|replyTo|user_mail",
        ["en" "email|e-mail address|mail"] ["de" "E-Mail|E-Mail-Adresse|Mail"]
        ["fr" "courriel|adresse e-mail"]
        ["es" "correo electrónico|correo"] ["it" "e-mail|indirizzo e-mail"]
        ["pt" "e-mail|endereço de e-mail"]
        ["nl" "e-mailadres"] ["pl" "e-mail|adres e-mail"] ["zh" "邮箱|电子邮件"] ["ja" "メールアドレス|メール"]
        ["ko" "이메일"] ["tr" "e-posta"];
    PHONE Core 170 |r, t| if r.chance(50) { values::phone(r) } else { values::phone_at_home(r, t) },
        Some(|text| text.starts_with('+')), "phone|mobile|phone_number|tel|contactPhone",
        ["en" "phone|mobile|phone number|cell|tel."] ["de" "Telefon|Tel.|Handy|Rufnummer"]
        ["fr" "téléphone|tél.|portable"]
        ["es" "teléfono|móvil"] ["it" "telefono|cellulare"] ["pt" "telefone|telemóvel|celular"]
        ["nl" "telefoon|mobiel"]
        ["pl" "telefon|tel."] ["zh" "电话|手机号"] ["ja" "電話番号|携帯"] ["ko" "전화번호|휴대폰"];
    CARD Core 130 |r, _| values::card(r), ALWAYS, "card_number|pan|cardNumber|cc",
        ["en" "card number|credit card|Visa card|card no."] ["de" "Kreditkarte|Kartennummer"]
        ["fr" "carte bancaire|numéro de carte"]
        ["es" "tarjeta de crédito|número de tarjeta"] ["it" "carta di credito"]
        ["pt" "cartão de crédito"] ["zh" "信用卡号|银行卡"] ["ja" "カード番号"];
    IBAN Core 130 |r, _| values::iban(r), ALWAYS, "iban|account_iban|creditorIban",
        ["en" "IBAN|bank account (IBAN)"] ["de" "IBAN|Bankverbindung"] ["fr" "IBAN"]
        ["es" "IBAN|cuenta IBAN"] ["it" "IBAN|codice IBAN"]
        ["pt" "IBAN"] ["nl" "IBAN|rekeningnummer"] ["pl" "IBAN|numer konta"] ["sv" "IBAN"];
    IP Core 110 |r, _| values::ip(r), ALWAYS, "client_ip|ip|remote_addr|src",
        ["en" "IP|client address|IP address"] ["de" "IP-Adresse|IP"] ["fr" "adresse IP"]
        ["es" "dirección IP"] ["zh" "IP地址"] ["ja" "IPアドレス"];
    SSN Core 100 |r, _| values::ssn(r), DASHED, "ssn|social_security_number|ssn_full",
        ["en" "SSN|social security number|Social Security no.|SSN#"]
        ["es" "número de seguro social|SSN"];
    MAC Core 40 |r, _| values::mac(r), ALWAYS, "mac|hwaddr|mac_address",
        ["en" "MAC|MAC address|hardware address"] ["de" "MAC-Adresse"];
    CRYPTO Core 50 |r, _| values::crypto(r), ALWAYS, "wallet|payout_address|btc_address",
        ["en" "wallet|wallet address|payout address"] ["de" "Wallet-Adresse"];
    URL_CREDENTIALS Core 40 |r, _| values::url_credentials(r), ALWAYS, "url|remote|endpoint",
        ["en" "URL|endpoint|feed"] ["de" "Adresse"];

    SECRET Secret 0 |_, _| String::new(), ALWAYS, "api_key|token|secret|apiKey|auth_token",
        ["en" "key|API key|token|access token|secret"] ["de" "Schlüssel|Token|API-Key"]
        ["fr" "clé|jeton"] ["es" "clave|token"] ["zh" "密钥"] ["ja" "APIキー"];

    ITIN National 30 |r, _| national::itin(r), None, "itin|taxpayer_id",
        ["en" "ITIN|individual taxpayer identification number"];
    UK_NINO National 32 |r, _| national::uk_nino(r), GROUPED, "nino|ni_number",
        ["en" "National Insurance number|NINO|NI number|NI no."];
    UK_NHS National 32 |r, _| national::uk_nhs(r), None, "nhs_number|nhsNo",
        ["en" "NHS number|NHS no."];
    CA_SIN National 30 |r, _| national::ca_sin(r), None, "sin|social_insurance_number",
        ["en" "SIN|social insurance number"] ["fr" "NAS|numéro d'assurance sociale"];
    AU_TFN National 30 |r, _| national::au_tfn(r), None, "tfn|tax_file_number",
        ["en" "TFN|tax file number"];
    AU_ABN National 30 |r, _| national::au_abn(r), None, "abn|business_number",
        ["en" "ABN|Australian Business Number"];
    AU_MEDICARE National 30 |r, _| national::au_medicare(r), None, "medicare_number|medicare_card",
        ["en" "Medicare number|Medicare card|Medicare no."];
    IN_AADHAAR National 30 |r, _| national::in_aadhaar(r), None, "aadhaar|aadhaar_number|uidai",
        ["en" "Aadhaar|Aadhaar number|Aadhaar no.|UIDAI number"];
    IN_PAN National 30 |r, _| national::in_pan(r), None, "pan|pan_number|pan_card",
        ["en" "PAN|PAN card|PAN number|permanent account number"];
    DE_TAX_ID National 30 |r, _| national::de_tax_id(r), None, "steuer_id|steuerId|idnr",

        ["de" "Steuer-ID|Steueridentifikationsnummer|IdNr.|Steuer-Identifikationsnummer|steuerliche Identifikationsnummer"]
        ["en" "German tax ID"];
    FR_NIR National 30 |r, _| national::fr_nir(r), ALWAYS, "nir|numero_secu|num_ss",
        ["fr" "numéro de sécurité sociale|NIR|n° de sécu|numéro de sécu"]
        ["en" "French social security number"];
    ES_NIF National 30 |r, _| national::es_nif(r), GROUPED, "dni|nif",
        ["es" "DNI|NIF|número de DNI"] ["en" "Spanish DNI"];
    ES_NIE National 30 |r, _| national::es_nie(r), ALWAYS, "nie|numero_nie",
        ["es" "NIE|número de identidad de extranjero"];
    IT_CODICE_FISCALE National 30 |r, _| national::it_codice_fiscale(r), ALWAYS, "codice_fiscale|cf",
        ["it" "codice fiscale|C.F.|cod. fiscale"] ["en" "codice fiscale"];
    NL_BSN National 30 |r, _| national::nl_bsn(r), None, "bsn|burgerservicenummer",
        ["nl" "BSN|burgerservicenummer|BSN-nummer|sofinummer"] ["en" "BSN"];
    PT_NIF National 30 |r, _| national::pt_nif(r), None, "nif|contribuinte",
        ["pt" "NIF|contribuinte|número de contribuinte|número de identificação fiscal"];
    BE_NN National 30 |r, _| national::be_nn(r), Some(|t| t.contains('.')), "rijksregisternummer|niss|insz",
        ["nl" "rijksregisternummer|INSZ-nummer"]
        ["fr" "numéro national|NISS|numéro de registre national"];
    PL_PESEL National 30 |r, _| national::pl_pesel(r), None, "pesel|numer_pesel",
        ["pl" "PESEL|numer PESEL|nr PESEL"] ["en" "PESEL"];
    SE_PERSONNUMMER National 30 |r, _| national::se_personnummer(r), DASHED, "personnummer|pnr",
        ["sv" "personnummer|personnr|pers.nr"] ["en" "Swedish personal identity number"];
    FI_HETU National 30 |r, _| national::fi_hetu(r), ALWAYS, "hetu|henkilotunnus",
        ["fi" "henkilötunnus|hetu|HETU|sotu"];
    DK_CPR National 30 |r, _| national::dk_cpr(r), None, "cpr|cpr_nummer",
        ["da" "CPR-nummer|CPR|cpr-nr.|personnummer"];
    NO_FNR National 30 |r, _| national::no_fnr(r), None, "fodselsnummer|fnr|personnummer",
        ["no" "fødselsnummer|fnr.|personnummer"];
    CH_AHV National 30 |r, _| national::ch_ahv(r), ALWAYS, "ahv|ahv_nummer|avs",
        ["de" "AHV-Nummer|AHV-Nr.|Sozialversicherungsnummer"] ["fr" "numéro AVS|n° AVS"]
        ["it" "numero AVS"];
    BR_CPF National 32 |r, _| national::br_cpf(r), GROUPED, "cpf|cpf_titular",
        ["pt" "CPF|CPF nº|número do CPF"] ["en" "CPF"];
    BR_CNPJ National 30 |r, _| national::br_cnpj(r), GROUPED, "cnpj|cnpj_emitente",
        ["pt" "CNPJ|CNPJ nº"];
    MX_CURP National 30 |r, _| national::mx_curp(r), ALWAYS, "curp|clave_curp",
        ["es" "CURP|clave CURP|Clave Única de Registro de Población"];
    ZA_ID National 30 |r, _| national::za_id(r), None, "id_number|sa_id|rsa_id",
        ["en" "South African ID|SA ID number|RSA ID|identity number"];
    TR_TCKN National 30 |r, _| national::tr_tckn(r), None, "tckn|tc_kimlik_no|kimlik_no",
        ["tr" "T.C. kimlik no|TC kimlik numarası|TCKN|kimlik numarası"];
    KR_RRN National 30 |r, _| national::kr_rrn(r), DASHED, "rrn|jumin", ["ko" "주민등록번호|주민번호"]
        ["en" "Korean resident registration number"];
    CN_ID National 30 |r, _| national::cn_id(r), ALWAYS, "id_card|shenfenzheng|idCardNo",
        ["zh" "身份证号|身份证号码|居民身份证|公民身份号码"] ["en" "Chinese ID card"];
    JP_MY_NUMBER National 30 |r, _| national::jp_my_number(r), None, "my_number|mynumber|kojin_bango",
        ["ja" "マイナンバー|個人番号"] ["en" "My Number"];
    SG_NRIC National 30 |r, _| national::sg_nric(r), ALWAYS, "nric|fin|nric_no",
        ["en" "NRIC|NRIC no.|FIN"] ["zh" "身份证号"];

    PASSPORT Context 36 |r, _| context::passport(r), None, "passport_number|passport_no|passport",
        ["en" "passport number|passport no.|passport|Passport #"]
        ["de" "Reisepass|Passnummer|Reisepassnummer"]
        ["fr" "passeport|numéro de passeport|passeport n°"]
        ["es" "pasaporte|número de pasaporte"] ["it" "passaporto|numero di passaporto"]
        ["pt" "passaporte"] ["nl" "paspoortnummer"] ["zh" "护照号码|护照"];
    DRIVING_LICENCE Context 36 |r, _| context::driving_licence(r), None, "driving_licence|drivers_license|dl_number|license_number",

        ["en" "driving licence|driver's license|driver license no.|DL number|driving licence number"]
        ["de" "Führerschein|Führerscheinnummer"]
        ["fr" "permis de conduire"] ["es" "licencia de conducir|permiso de conducir"]
        ["it" "patente|numero di patente"];
    MEDICAL_RECORD Context 32 |r, _| context::medical_record(r), None, "mrn|medical_record_number|patient_mrn",
        ["en" "MRN|medical record number|MRN#|medical record no.|patient MRN"];
    DATE_OF_BIRTH Context 44 context::date_of_birth, None, "dob|date_of_birth|birthDate|birthdate|birthday",
        ["en" "date of birth|DOB|birth date|D.O.B.|birthday"] ["de" "Geburtsdatum|Geb.-Datum"]
        ["fr" "date de naissance"]
        ["es" "fecha de nacimiento"] ["it" "data di nascita"] ["pt" "data de nascimento"]
        ["nl" "geboortedatum"] ["pl" "data urodzenia"] ["zh" "出生日期"] ["ja" "生年月日"];
    BANK_ROUTING Context 32 |r, _| context::bank_routing(r), None, "routing_number|aba|routing",
        ["en" "routing number|ABA|ABA routing number|routing no.|RTN"];
    BANK_ACCOUNT Context 36 |r, _| context::bank_account(r), None, "account_number|bank_account|acct_no",
        ["en" "account number|bank account|account no.|acct #|checking account"]
        ["de" "Kontonummer|Konto-Nr."] ["fr" "numéro de compte"] ["es" "número de cuenta"]
        ["it" "numero di conto"];
    NPI Context 30 |r, _| context::npi(r), None, "npi|provider_npi",
        ["en" "NPI|NPI number|National Provider Identifier"];
    DEA Context 30 |r, _| context::dea(r), None, "dea|dea_number",
        ["en" "DEA|DEA number|DEA no.|DEA registration"];
    MBI Context 30 |r, _| context::mbi(r), None, "mbi|medicare_id|medicare_beneficiary_id",
        ["en" "MBI|Medicare ID|Medicare Beneficiary Identifier|Medicare beneficiary number"];
    VIN Context 32 |r, _| context::vin(r), None, "vin|chassis|vehicle_id",
        ["en" "VIN|vehicle identification number|chassis number"]
        ["de" "Fahrgestellnummer|FIN|Fahrzeug-Identifizierungsnummer"];
    IMEI Context 32 |r, _| context::imei(r), None, "imei|device_imei|imei1",
        ["en" "IMEI|IMEI number|device IMEI"] ["de" "IMEI|IMEI-Nummer"] ["es" "IMEI"];
}
